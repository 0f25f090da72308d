#include "protocol/json_scanner.hpp"

#include <charconv>
#include <nlohmann/json.hpp>

namespace jac::cloud {

namespace {

// The grammar of RFC 8259, read once from left to right. Recursion is bounded by max_depth.
class Scanner {
  public:
    Scanner(std::string_view text, unsigned max_depth)
        : begin_(text.data()), at_(begin_), end_(begin_ + text.size()), max_depth_(max_depth) {}

    bool document(JsonDocument& out) {
        out.members.clear();
        skip_space();
        const bool valid = value(out.root, 0, &out.members, nullptr);
        out.too_deep = too_deep_;
        if (!valid) return false;
        skip_space();
        return at_ == end_;
    }

    bool array_elements(std::vector<JsonValue>& elements) {
        JsonValue root;
        return value(root, 0, nullptr, &elements);
    }

  private:
    bool value(JsonValue& out, unsigned depth, std::vector<JsonMember>* members,
               std::vector<JsonValue>* elements) {
        if (at_ == end_) return false;
        const char* const start = at_;
        bool valid = false;
        switch (*at_) {
            case '{':
                out.kind = JsonKind::object;
                valid = object(depth + 1, members);
                break;
            case '[':
                out.kind = JsonKind::array;
                valid = array(depth + 1, elements);
                break;
            case '"':
                out.kind = JsonKind::string;
                valid = string();
                break;
            case 't':
                out.kind = JsonKind::boolean;
                valid = word("true");
                break;
            case 'f':
                out.kind = JsonKind::boolean;
                valid = word("false");
                break;
            case 'n':
                out.kind = JsonKind::null;
                valid = word("null");
                break;
            default:
                out.kind = JsonKind::number;
                valid = number();
        }
        if (valid) out.text = {start, static_cast<std::size_t>(at_ - start)};
        return valid;
    }

    bool within_depth(unsigned depth) {
        too_deep_ = depth > max_depth_;
        return !too_deep_;
    }

    bool object(unsigned depth, std::vector<JsonMember>* members) {
        if (!within_depth(depth)) return false;
        ++at_;
        skip_space();
        if (take('}')) return true;
        do {
            skip_space();
            const char* const key = at_;
            if (at_ == end_ || *at_ != '"' || !string()) return false;
            const std::string_view key_text(key, static_cast<std::size_t>(at_ - key));
            skip_space();
            if (!take(':')) return false;
            skip_space();
            JsonValue member;
            if (!value(member, depth, nullptr, nullptr)) return false;
            if (members != nullptr) members->push_back({key_text, member});
            skip_space();
        } while (take(','));
        return take('}');
    }

    bool array(unsigned depth, std::vector<JsonValue>* elements) {
        if (!within_depth(depth)) return false;
        ++at_;
        skip_space();
        if (take(']')) return true;
        do {
            skip_space();
            JsonValue element;
            if (!value(element, depth, nullptr, nullptr)) return false;
            if (elements != nullptr) elements->push_back(element);
            skip_space();
        } while (take(','));
        return take(']');
    }

    bool string() {
        ++at_;
        while (at_ != end_) {
            const char c = *at_++;
            if (c == '"') return true;
            if (static_cast<unsigned char>(c) < 0x20) return false;
            if (c == '\\' && !escape()) return false;
        }
        return false;
    }

    bool escape() {
        if (at_ == end_) return false;
        const char c = *at_++;
        if (c != 'u') return std::string_view("\"\\/bfnrt").find(c) != std::string_view::npos;
        unsigned unit = 0;
        if (!hex4(unit)) return false;
        if (unit >= 0xDC00 && unit <= 0xDFFF) return false;
        if (unit < 0xD800 || unit > 0xDBFF) return true;
        unsigned low = 0;
        return take('\\') && take('u') && hex4(low) && low >= 0xDC00 && low <= 0xDFFF;
    }

    bool hex4(unsigned& unit) {
        for (int i = 0; i < 4; ++i) {
            if (at_ == end_) return false;
            const char c = *at_++;
            unsigned digit = 0;
            if (c >= '0' && c <= '9') {
                digit = static_cast<unsigned>(c - '0');
            } else if (c >= 'a' && c <= 'f') {
                digit = static_cast<unsigned>(c - 'a' + 10);
            } else if (c >= 'A' && c <= 'F') {
                digit = static_cast<unsigned>(c - 'A' + 10);
            } else {
                return false;
            }
            unit = unit << 4 | digit;
        }
        return true;
    }

    bool number() {
        take('-');
        if (!take('0') && !digits()) return false;
        if (take('.') && !digits()) return false;
        if (take('e') || take('E')) {
            if (!take('+')) take('-');
            return digits();
        }
        return true;
    }

    bool digits() {
        const char* const start = at_;
        while (at_ != end_ && *at_ >= '0' && *at_ <= '9') ++at_;
        return at_ != start;
    }

    bool word(std::string_view expected) {
        if (static_cast<std::size_t>(end_ - at_) < expected.size()) return false;
        if (std::string_view(at_, expected.size()) != expected) return false;
        at_ += expected.size();
        return true;
    }

    bool take(char c) {
        if (at_ == end_ || *at_ != c) return false;
        ++at_;
        return true;
    }

    void skip_space() {
        while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r')) ++at_;
    }

    const char* begin_;
    const char* at_;
    const char* end_;
    unsigned max_depth_;
    bool too_deep_ = false;
};

// Of text that was scanned.
unsigned hex4_at(std::string_view text, std::size_t at) {
    unsigned unit = 0;
    std::from_chars(text.data() + at, text.data() + at + 4, unit, 16);
    return unit;
}

void append_utf8(std::string& out, unsigned code) {
    const auto put = [&out](unsigned byte) { out += static_cast<char>(byte); };
    const auto continuation = [&](unsigned shift) { put(0x80 | (code >> shift & 0x3F)); };
    if (code < 0x80) {
        put(code);
    } else if (code < 0x800) {
        put(0xC0 | code >> 6);
        continuation(0);
    } else if (code < 0x10000) {
        put(0xE0 | code >> 12);
        continuation(6);
        continuation(0);
    } else {
        put(0xF0 | code >> 18);
        continuation(12);
        continuation(6);
        continuation(0);
    }
}

bool needs_escape(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte >= 0x7F || c == '"' || c == '\\';
}

}  // namespace

bool scan_json(std::string_view text, unsigned max_depth, JsonDocument& document) {
    return Scanner(text, max_depth).document(document);
}

std::optional<std::string_view> plain_json_string(std::string_view quoted) {
    const auto inside = quoted.substr(1, quoted.size() - 2);
    if (inside.find('\\') != std::string_view::npos) return std::nullopt;
    return inside;
}

std::string unescape_json(std::string_view quoted) {
    if (const auto plain = plain_json_string(quoted)) return std::string(*plain);
    std::string text;
    for (std::size_t at = 1; at + 1 < quoted.size();) {
        const char c = quoted[at++];
        if (c != '\\') {
            text += c;
            continue;
        }
        const char kind = quoted[at++];
        if (kind != 'u') {
            text += "\"\\/\b\f\n\r\t"[std::string_view("\"\\/bfnrt").find(kind)];
            continue;
        }
        unsigned code = hex4_at(quoted, at);
        at += 4;
        if (code >= 0xD800 && code <= 0xDBFF) {  // a low surrogate follows: it was scanned
            code = 0x10000 + ((code - 0xD800) << 10) + (hex4_at(quoted, at + 2) - 0xDC00);
            at += 6;
        }
        append_utf8(text, code);
    }
    return text;
}

void append_json_string(std::string& out, std::string_view text) {
    for (const char c : text) {
        if (needs_escape(c)) {
            // Rare: channel names and messages with quotes or beyond ASCII.
            out +=
                nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
            return;
        }
    }
    out += '"';
    out += text;
    out += '"';
}

void split_json_array(std::string_view array, std::vector<JsonValue>& elements) {
    constexpr unsigned no_limit = ~0U;  // it was scanned before
    Scanner(array, no_limit).array_elements(elements);
}

bool may_hold_infinity(std::string_view text) noexcept {
    constexpr int most_digits = 200;  // with an exponent of two still below 1.8e308
    constexpr int most_exponent_digits = 2;
    int digits = 0;
    bool in_exponent = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char byte = text[i];
        if (byte >= '0' && byte <= '9') {
            ++digits;
            if (digits >= most_digits || (in_exponent && digits > most_exponent_digits)) {
                return true;
            }
            continue;
        }
        in_exponent = byte == 'e' || byte == 'E' || (in_exponent && digits == 0 && byte == '+');
        digits = 0;
        if (byte == 'N' && text.substr(i).starts_with("NaN")) return true;
        if (byte == 'I' && text.substr(i).starts_with("Infinity")) return true;
    }
    return false;
}

}  // namespace jac::cloud

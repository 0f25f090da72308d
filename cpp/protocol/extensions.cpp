#include "protocol/extensions.hpp"

#include <algorithm>
#include <charconv>
#include <vector>

#include "deflate/deflater.hpp"
#include "protocol/handshake.hpp"

namespace jac::cloud {

namespace {

struct Parameter {
    std::string_view name;
    std::optional<std::string_view> value;
};

struct Offer {
    std::string_view extension;
    std::vector<Parameter> parameters;
};

// Reads `extension *(";" name ["=" (token / quoted token)])`, comma separated (RFC 6455 section
// 9.1).
class OfferReader {
  public:
    explicit OfferReader(std::string_view text) : rest_(text) {}

    // The next offer; nullopt at the end, or where the text is malformed.
    std::optional<Offer> next() {
        do {
            skip_space();
        } while (take(','));  // empty elements of a list are allowed
        Offer offer{token(), {}};
        if (offer.extension.empty()) return std::nullopt;
        while (take(';')) {
            Parameter parameter{token(), std::nullopt};
            if (parameter.name.empty()) return std::nullopt;
            if (take('=')) {
                const bool quoted = take('"');
                parameter.value = token();
                if (parameter.value->empty() || (quoted && !take('"'))) return std::nullopt;
            }
            offer.parameters.push_back(parameter);
        }
        if (!rest_.empty() && rest_.front() != ',') return std::nullopt;
        return offer;
    }

  private:
    void skip_space() {
        rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t"), rest_.size()));
    }

    bool take(char sign) {
        skip_space();
        if (!rest_.starts_with(sign)) return false;
        rest_.remove_prefix(1);
        return true;
    }

    std::string_view token() {
        constexpr std::string_view letters =
            "!#$%&'*+-.^_`|~0123456789"
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        skip_space();
        const auto found = rest_.substr(0, rest_.find_first_not_of(letters));
        rest_.remove_prefix(found.size());
        skip_space();
        return found;
    }

    std::string_view rest_;
};

// 8 to 15, without leading zeros (RFC 7692 section 7.1.2).
std::optional<int> window_bits(std::string_view text) {
    int bits = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bits);
    if (error != std::errc() || end != text.data() + text.size() || text.front() == '0') {
        return std::nullopt;
    }
    if (bits < 8 || bits > max_window_bits) return std::nullopt;
    return bits;
}

// nullopt for an offer with a parameter that is unknown, doubled, wrong, or cannot be kept to.
std::optional<DeflateAgreement> accept(const Offer& offer) {
    DeflateAgreement agreement{max_window_bits, false};
    std::vector<std::string_view> seen;
    for (const auto& [name, value] : offer.parameters) {
        if (std::ranges::find(seen, name) != seen.end()) return std::nullopt;
        seen.push_back(name);
        if (name == "server_no_context_takeover" || name == "client_no_context_takeover") {
            if (value) return std::nullopt;
        } else if (name == "client_max_window_bits") {
            if (value && !window_bits(*value)) return std::nullopt;
        } else if (name == "server_max_window_bits") {
            const auto bits = value ? window_bits(*value) : std::nullopt;
            if (!bits || *bits < min_window_bits) return std::nullopt;
            agreement = {*bits, true};
        } else {
            return std::nullopt;
        }
    }
    return agreement;
}

}  // namespace

std::string DeflateAgreement::response() const {
    std::string text = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    if (name_the_window) text += "; server_max_window_bits=" + std::to_string(window_bits);
    return text;
}

std::optional<DeflateAgreement> agree_on_deflate(std::span<const std::string_view> offers) {
    for (const auto text : offers) {
        OfferReader reader(text);
        while (const auto offer = reader.next()) {
            if (!equal_ignoring_case(offer->extension, "permessage-deflate")) continue;
            if (auto agreement = accept(*offer)) return agreement;
        }
    }
    return std::nullopt;
}

}  // namespace jac::cloud

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace jac::cloud {

enum class JsonKind { object, array, string, number, boolean, null };

// A value where it stands in the scanned text, byte for byte.
struct JsonValue {
    JsonKind kind = JsonKind::null;
    std::string_view text;
};

struct JsonMember {
    std::string_view key;  // as written, with its quotes
    JsonValue value;
};

// A document that was checked whole (RFC 8259) and not converted: numbers keep their digits, and
// what is passed on is passed on as it came.
struct JsonDocument {
    JsonValue root;
    std::vector<JsonMember> members;  // of the root, when it is an object
    bool too_deep = false;            // why it was refused
};

// Checks the text and finds the root's members, into `document` (whose memory is reused). False if
// it is not JSON: NaN and Infinity, comments, trailing text, a byte order mark, control characters
// or lone surrogate escapes in strings, more than max_depth levels. Whether strings are UTF-8 is
// the caller's to check (is_utf8), since text frames were checked on their way in.
bool scan_json(std::string_view text, unsigned max_depth, JsonDocument& document);

// The string a scanned JsonKind::string stands for.
std::string unescape_json(std::string_view quoted);
// Its contents in place when nothing in it is escaped.
std::optional<std::string_view> plain_json_string(std::string_view quoted);

// Appends the JSON string for UTF-8 text, with quotes.
void append_json_string(std::string& out, std::string_view text);

// The elements of a scanned JsonKind::array, appended to `elements`.
void split_json_array(std::string_view array, std::vector<JsonValue>& elements);

// False when no reader makes an infinity, or what is no number, of anything in the text: no
// exponent of three digits, no two hundred digits in a row, no NaN and no Infinity. True says
// nothing: they may stand in a string.
bool may_hold_infinity(std::string_view text) noexcept;

}  // namespace jac::cloud

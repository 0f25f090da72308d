"""The matrix of raw requests: what is sent, and what it must lead to.

Rows of REQUESTS are answered and keep the connection or end it as they say. Each of REFUSED gets
one answer and the end of the connection, whatever is behind it.
"""

from dataclasses import dataclass

GREET = b"/walker/greet"


@dataclass(frozen=True)
class Row:
    """Requests in one go, the statuses of their answers, and whether the connection stays."""

    name: str
    sent: bytes
    statuses: tuple[int, ...]
    stays: bool = True
    method: str = "GET"
    contains: bytes = b""
    """In the last answer's body."""


def get(target: bytes = b"/healthz", fields: bytes = b"", version: bytes = b"1.1") -> bytes:
    return request(b"GET", target, fields, version=version)


def request(
    method: bytes, target: bytes, fields: bytes = b"", body: bytes = b"", version: bytes = b"1.1"
) -> bytes:
    return b"%b %b HTTP/%b\r\nHost: a\r\n%b\r\n%b" % (method, target, version, fields, body)


def greet(name: bytes, fields: bytes = b"") -> bytes:
    """A walker's call that is answered "hello NAME"."""
    return call(b'{"name":"%b"}' % name, fields)


def call(body: bytes, fields: bytes = b"") -> bytes:
    """A walker's call, with Content-Length."""
    length = b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(body)
    return request(b"POST", GREET, length + fields, body)


def chunked(*chunks: bytes, fields: bytes = b"", end: bytes = b"0\r\n\r\n") -> bytes:
    """A walker's call in chunks, each given as it goes over the wire."""
    json = b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
    return request(b"POST", GREET, json + fields, b"".join(chunks) + end)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


WHOLE = chunk(b'{"name":"chunk"}')
NAMED = chunk(b'{"name":'), chunk(b'"chu'), chunk(b'nk"}')

REQUESTS = [
    # keep-alive
    Row("1.1 keeps the connection", get(), (200,)),
    Row("1.1 closes when asked to", get(fields=b"Connection: close\r\n"), (200,), stays=False),
    Row("close in a list", get(fields=b"Connection: foo, CLOSE\r\n"), (200,), stays=False),
    Row(
        "close in a second field",
        get(fields=b"Connection: a\r\nConnection: close\r\n"),
        (200,),
        False,
    ),
    Row("1.0 closes", get(version=b"1.0"), (200,), stays=False),
    Row(
        "1.0 keeps when asked to", get(fields=b"Connection: keep-alive\r\n", version=b"1.0"), (200,)
    ),
    Row("1.0 without Host", b"GET /healthz HTTP/1.0\r\n\r\n", (200,), stays=False),
    Row("an answer to a fault of the path keeps it", get(b"/nothing/here"), (404,)),
    Row("an answer to a fault of the method keeps it", get(GREET), (405,)),
    Row("an answer to a fault of the body keeps it", call(b'{"name":5}'), (422,)),
    # pipelining
    Row("pipelined and native", get() * 40, (200,) * 40),
    Row(
        "pipelined and mixed",
        get() + greet(b"a") + get(b"/nothing") + chunked(WHOLE) + get(GREET) + greet(b"b"),
        (200, 200, 404, 200, 405, 200),
        contains=b"hello b",
    ),
    Row(
        "pipelined walkers come back in order",
        b"".join(greet(b"n%d" % i) for i in range(20)),
        (200,) * 20,
        contains=b"hello n19",
    ),
    Row(
        "pipelined behind the last one", get(fields=b"Connection: close\r\n") + get(), (200,), False
    ),
    Row("empty lines between requests", b"\r\n\r\n" + get() + b"\r\n" + get(), (200, 200)),
    # bodies
    Row("a body of known length", greet(b"len"), (200,), contains=b"hello len"),
    Row("a body in one chunk", chunked(WHOLE), (200,), contains=b"hello chunk"),
    Row("a body in three chunks", chunked(*NAMED), (200,), contains=b"hello chunk"),
    Row(
        "a chunk a byte",
        chunked(*(chunk(b"%c" % c) for c in b'{"name":"b"}')),
        (200,),
        contains=b"hello b",
    ),
    Row("chunk extensions", chunked(WHOLE.replace(b"\r\n", b';a=b;c="d"\r\n', 1)), (200,)),
    Row(
        "leading zeros in a chunk's size", chunked(b"0000" + WHOLE), (200,), contains=b"hello chunk"
    ),
    Row(
        "chunk sizes in capitals", chunked(b"A\r\n  {       \r\n", b"B\r\n          }\r\n"), (200,)
    ),
    Row(
        "trailers are read and dropped",
        chunked(WHOLE, end=b"0\r\nX-Sum: 1\r\nHost: evil\r\n\r\n"),
        (200,),
    ),
    Row(
        "Transfer-Encoding in another case", chunked(WHOLE).replace(b"chunked", b"ChUnKeD"), (200,)
    ),
    Row("no body where one is due", request(b"POST", GREET, b"Content-Length: 0\r\n"), (200,)),
    Row(
        "a body behind a native answer",
        get(fields=b"Content-Length: 5\r\n") + b"hello",
        (200,),
        False,
    ),
    Row(
        "a body sent before it is asked for",
        greet(b"now", b"Expect: 100-continue\r\n"),
        (200,),
        contains=b"hello now",
    ),
    Row(
        "Expect in 1.0 is not heeded",
        greet(b"old", b"Expect: 100-continue\r\n").replace(b"/1.1", b"/1.0"),
        (200,),
        False,
    ),
    # HEAD, and methods that few use
    Row("HEAD of what is native", request(b"HEAD", b"/healthz"), (200,), method="HEAD"),
    Row(
        "HEAD of what is not there",
        request(b"HEAD", b"/nothing") + request(b"HEAD", b"/healthz"),
        (404, 200),
        method="HEAD",
    ),
    Row("OPTIONS of the server", request(b"OPTIONS", b"*"), (404,)),
    Row("a method in lower case", request(b"get", b"/healthz"), (404,)),
    Row("a method that nobody knows", request(b"BREW", GREET), (405,)),
    Row("TRACE shows nothing", request(b"TRACE", GREET, b"Cookie: secret\r\n"), (405,)),
    # targets
    Row("a query", get(b"/healthz?a=b&c=%20"), (200,)),
    Row("an absolute target", b"GET http://a/healthz HTTP/1.1\r\nHost: a\r\n\r\n", (200,)),
    Row("an absolute target without a path", b"GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", (404,)),
    Row("dots that climb", get(b"/../../etc/passwd"), (404,)),
    Row("dots that climb in disguise", get(b"/..%2f..%2fetc%2fpasswd"), (404,)),
    Row("a doubled slash", get(b"//healthz"), (404,)),
    Row(
        "a slash in disguise",
        request(b"POST", b"/walker%2Fgreet", b"Content-Length: 0\r\n"),
        (200,),
    ),
    Row("a parameter of a segment", get(b"/healthz;a=b"), (404,)),
    Row("bytes that are no UTF-8", get(b"/%ff%fe"), (404,)),
    Row("a percent sign alone", get(b"/100%"), (404,)),
    Row("a long path", get(b"/" + b"a" * 8000), (404,)),
    # fields
    Row("bytes over 127 in a value", get(fields=b"X: caf\xe9\r\n"), (200,)),
    Row("no space, and several, before a value", get(fields=b"X:a\r\nY:   \t b \r\n"), (200,)),
    Row("an empty value", get(fields=b"X:\r\n"), (200,)),
    Row("99 fields", get(fields=b"X: a\r\n" * 99), (200,)),
    Row("a header just short enough", get(fields=b"X: " + b"a" * 16_300 + b"\r\n"), (200,)),
    Row(
        "an offer of HTTP/2 is not taken",
        get(
            fields=b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
            b"HTTP2-Settings: AAMAAABkAAQAAP__\r\n"
        ),
        (200,),
    ),
]


@dataclass(frozen=True)
class Refused:
    name: str
    sent: bytes
    status: int = 400


def fields(*lines: bytes) -> bytes:
    """A request with these fields besides Host, and a body that could be one of two things."""
    head = b"".join(line + b"\r\n" for line in lines)
    return request(b"POST", GREET, head, b"0\r\n\r\n")


def handshake(what: bytes) -> bytes:
    return get(b"/websocket", b"Upgrade: websocket\r\nConnection: Upgrade\r\n" + what)


CHUNKED = b"Transfer-Encoding: chunked"

REFUSED = [
    # Who is meant, and what is said
    Refused("no Host", b"GET /healthz HTTP/1.1\r\n\r\n"),
    Refused("two Hosts", get(fields=b"Host: a\r\n")),
    Refused("two Hosts in 1.0", get(fields=b"Host: b\r\n", version=b"1.0")),
    Refused("a Host that is a list", b"GET /healthz HTTP/1.1\r\nHost: a, b\r\n\r\n"),
    Refused("a Host with a path and a query", b"GET /healthz HTTP/1.1\r\nHost: a/b?c=\r\n\r\n"),
    Refused("a Host with a user", b"GET /healthz HTTP/1.1\r\nHost: u@a\r\n\r\n"),
    Refused(
        "a target that names another host", b"GET http://b/healthz HTTP/1.1\r\nHost: a\r\n\r\n"
    ),
    Refused("a target that is no path", get(b"healthz")),
    Refused("a target of CONNECT", request(b"CONNECT", b"a:80")),
    Refused("an asterisk with GET", get(b"*")),
    Refused("a fragment", get(b"/healthz#a")),
    Refused("a zero byte in the path", get(b"/a%00.html")),
    Refused("a byte over 127 in the target", get(b"/caf\xe9")),
    Refused("a control character in the target", get(b"/a\x01b")),
    Refused("two spaces", b"GET  /healthz HTTP/1.1\r\nHost: a\r\n\r\n"),
    Refused("a tab for a space", b"GET\t/healthz HTTP/1.1\r\nHost: a\r\n\r\n"),
    Refused("a space behind the version", b"GET /healthz HTTP/1.1 \r\nHost: a\r\n\r\n"),
    Refused("no version", b"GET /healthz\r\nHost: a\r\n\r\n"),
    Refused("a version in lower case", b"GET /healthz http/1.1\r\nHost: a\r\n\r\n"),
    Refused("a version with three digits", get(version=b"1.11")),
    Refused("no request at all", b"nonsense\r\n\r\n"),
    Refused("a line feed before the request", b"\n" + get()),
    Refused("a space before the request", b" " + get()),
    # Fields
    Refused("a folded field", get(fields=b"X: a\r\n b\r\n")),
    Refused("a folded first field", b"GET /healthz HTTP/1.1\r\n Host: a\r\n\r\n"),
    Refused("a space before a colon", get(fields=b"X : a\r\n")),
    Refused("no colon", get(fields=b"X\r\n")),
    Refused("no name", get(fields=b": a\r\n")),
    Refused("a line feed in a value", get(fields=b"X: a\nY: b\r\n")),
    Refused("a carriage return in a value", get(fields=b"X: a\rY: b\r\n")),
    Refused("a zero byte in a value", get(fields=b"X: a\0b\r\n")),
    Refused("a carriage return before the line's end", get(fields=b"X: a\r\r\n")),
    Refused("lines that end with line feeds", get().replace(b"\r\n", b"\n") + b"\r\n\r\n"),
    # Where the body ends
    Refused("both lengths", fields(b"Content-Length: 5", CHUNKED)),
    Refused("both lengths, the other way", fields(CHUNKED, b"Content-Length: 5")),
    Refused("two lengths that differ", fields(b"Content-Length: 5", b"Content-Length: 6")),
    Refused("two lengths that agree", fields(b"Content-Length: 5", b"Content-Length: 5")),
    Refused("a list of lengths", fields(b"Content-Length: 5, 5")),
    Refused("a length with a sign", fields(b"Content-Length: +5")),
    Refused("a negative length", fields(b"Content-Length: -5")),
    Refused("a length in hexadecimal", fields(b"Content-Length: 0x5")),
    Refused("a length with an underscore", fields(b"Content-Length: 1_0")),
    Refused("a length with a space in it", fields(b"Content-Length: 5 5")),
    Refused("an empty length", fields(b"Content-Length:")),
    Refused("a length of 20 digits", fields(b"Content-Length: 18446744073709551621")),
    Refused("chunked and identity", fields(b"Transfer-Encoding: chunked, identity")),
    Refused("identity and chunked", fields(b"Transfer-Encoding: identity, chunked")),
    Refused("identity", fields(b"Transfer-Encoding: identity")),
    Refused("gzip and chunked", fields(b"Transfer-Encoding: gzip, chunked")),
    Refused("chunked twice", fields(CHUNKED, CHUNKED)),
    Refused("chunked twice in a list", fields(b"Transfer-Encoding: chunked, chunked")),
    Refused("chunked with something before it", fields(b"Transfer-Encoding: xchunked")),
    Refused("chunked with something behind it", fields(b"Transfer-Encoding: chunked;q=1")),
    Refused("chunked in quotes", fields(b'Transfer-Encoding: "chunked"')),
    Refused("chunked behind a vertical tab", fields(b"Transfer-Encoding: \x0bchunked")),
    Refused("an empty Transfer-Encoding", fields(b"Transfer-Encoding:")),
    Refused("a space behind Transfer-Encoding", fields(b"Transfer-Encoding : chunked")),
    Refused("a folded Transfer-Encoding", fields(b"Transfer-Encoding:", b" chunked")),
    Refused("chunked in 1.0", fields(CHUNKED).replace(b"/1.1", b"/1.0")),
    # Chunks
    Refused("a size that is no number", chunked(b"x\r\n")),
    Refused("a negative size", chunked(b"-1\r\n")),
    Refused("a size with 0x", chunked(b"0x1\r\na\r\n")),
    Refused("a size with a space before it", chunked(b" 1\r\na\r\n")),
    Refused("a size with a space behind it", chunked(b"1 \r\na\r\n")),
    Refused("a chunk longer than its size", chunked(b"1\r\nab\r\n")),
    Refused("a chunk shorter than its size", chunked(b"3\r\nab\r\n", b"1\r\na\r\n")),
    Refused("a size's line that ends with a line feed", chunked(b"1\na\r\n")),
    Refused("a chunk that ends with a line feed", chunked(b"1\r\na\n")),
    Refused("a line feed in an extension", chunked(b"1;\n\r\na\r\n")),
    Refused("a carriage return in an extension", chunked(b"1;a\rb\r\na\r\n")),
    Refused("no size", chunked(b"\r\na\r\n")),
    Refused("an extension without end", chunked(b"1;" + b"a" * 70_000)),
    Refused("a trailer with a line feed", chunked(WHOLE, end=b"0\r\nX: a\nY: b\r\n\r\n")),
    Refused("a trailer that is no field", chunked(WHOLE, end=b"0\r\nnonsense\r\n\r\n")),
    # Too much
    Refused("a body said to be too long", fields(b"Content-Length: 10485761"), 413),
    Refused("a length of 18 digits", fields(b"Content-Length: 999999999999999999"), 413),
    Refused(
        "too long a body that waits to be asked for",
        fields(b"Content-Length: 10485761", b"Expect: 100-continue"),
        413,
    ),
    Refused("a chunk said to be too long", chunked(b"A00001\r\n"), 413),
    Refused("a request line too long", get(b"/" + b"a" * 8200), 414),
    Refused("a request line without end", b"GET /" + b"a" * 20_000, 414),
    Refused("a header too long", get(fields=b"X: " + b"a" * 16_400 + b"\r\n"), 431),
    Refused("a header without end", b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 20_000, 431),
    Refused("101 fields", get(fields=b"X: a\r\n" * 100), 431),
    Refused("200 fields", get(fields=b"X: a\r\n" * 199), 431),
    Refused("2,000 fields", get(fields=b"X:\r\n" * 1999), 431),
    # A proxy that takes these for upgraded would let through what follows.
    Refused("a handshake of another version", handshake(b"Sec-WebSocket-Version: 777\r\n"), 426),
    Refused("a handshake without a key", handshake(b"Sec-WebSocket-Version: 13\r\n")),
    # What this server does not do
    Refused("an expectation that nobody knows", get(fields=b"Expect: 200-ok\r\n"), 417),
    Refused("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    Refused("HTTP/1.2", get(version=b"1.2"), 505),
    Refused("HTTP/0.9", get(version=b"0.9"), 505),
]


@dataclass(frozen=True)
class Slow:
    """What is sent, `then` again and again, and what is answered before the connection ends."""

    name: str
    sent: bytes
    statuses: tuple[int, ...]
    then: bytes = b""


SLOW = [
    Slow("nothing at all", b"", ()),
    Slow("half a header", b"GET /healthz HTTP/1.1\r\nHost:", (408,)),
    Slow("a header byte by byte", b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: ", (408,), then=b"x"),
    Slow("fields without end", b"GET /healthz HTTP/1.1\r\nHost: a\r\n", (408,), then=b"X: a\r\n"),
    Slow("empty lines without end", b"", (), then=b"\r\n"),
    Slow("nothing after an answer", get(), (200,)),
    Slow("half a second header", get() + b"GET", (200, 408)),
    Slow("half a body", call(b'{"name":"half"}')[:-3], (408,)),
    Slow("no body", call(b"{}")[:-2], (408,)),
    Slow(
        "a body that waits to be asked for and does not come",
        call(b"{}", b"Expect: 100-continue\r\n")[:-2],
        (408,),
    ),
    Slow("a body byte by byte", chunked()[:-5] + b"ffff\r\n", (408,), then=b"x"),
    Slow("half a chunk", chunked(WHOLE)[:-12], (408,)),
    Slow("no last chunk", chunked(WHOLE, end=b""), (408,)),
    Slow("trailers without end", chunked(WHOLE, end=b"0\r\n"), (408,)),
]

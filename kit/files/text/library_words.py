"""What the system and libraries say: known by its words, and told in the reader's language.

They speak English. What is not known here stays as they say it.
"""

import re
from functools import cache
from string import Formatter

from kit.messages import Message, mark, tr

_LONGEST = 1000
"""Letters of what is looked up; more is no sentence."""
_SYSTEM = (
    mark("No such file or directory"),
    mark("Permission denied"),
    mark("Operation not permitted"),
    mark("No space left on device"),
    mark("Disk quota exceeded"),
    mark("Read-only file system"),
    mark("Is a directory"),
    mark("Not a directory"),
    mark("File name too long"),
    mark("Input/output error"),
    mark("Too many levels of symbolic links"),
    mark("Too many open files"),
    mark("Device or resource busy"),
    mark("Text file busy"),
    mark("File exists"),
    mark("File too large"),
    mark("Directory not empty"),
    mark("Invalid argument"),
    mark("Stale file handle"),
    mark("Transport endpoint is not connected"),
    mark("Cannot allocate memory"),
    mark("Invalid cross-device link"),
    mark("No such device"),
    mark("No such device or address"),
    mark("Operation not supported"),
    mark("Broken pipe"),
    mark("Connection refused"),
    mark("Connection reset by peer"),
    mark("Connection timed out"),
    mark("Network is unreachable"),
    mark("No route to host"),
    mark("Name or service not known"),
    mark("Temporary failure in name resolution"),
    mark("embedded null byte"),
    mark("embedded null character"),
    mark("[Errno {number}] {reason}: {path}"),
    mark("[Errno {number}] {reason}"),
)
_PYDANTIC = (
    mark("must be greater than {least}"),
    mark("must be at least {least}"),
    mark("must be less than {most}"),
    mark("must be at most {most}"),
    mark("must be a multiple of {factor}"),
    mark("must be a finite number"),
    mark("must have at least {least} item, not {got}"),
    mark("must have at least {least} items, not {got}"),
    mark("must have at most {most} item, not {got}"),
    mark("must have at most {most} items, not {got}"),
    mark("must have at most {most} items, not more"),
    mark("must have at least {least} character"),
    mark("must have at least {least} characters"),
    mark("must have at most {most} character"),
    mark("must have at most {most} characters"),
    mark("must match pattern {pattern}"),
    mark("must be a valid integer, got a number with a fractional part"),
    mark("must be a valid boolean, unable to interpret input"),
    mark("must be a valid {kind}"),
    mark("must be an instance of {kind}"),
    mark("must be {choices} or {last}"),
    mark("must be {choice}"),
    mark("Unable to parse input string as an integer, exceeded maximum size"),
    mark("Keys must be strings"),
)
"""In the words of `kit.files.documents`."""
_TOML = (
    mark("found invalid character {letter}"),
    mark("illegal character {letter}"),
    mark("expected ']' at the end of a table declaration"),
    mark("expected ']]' at the end of an array declaration"),
    mark("cannot redefine namespace {key}"),
    mark("invalid initial character for a key part"),
    mark("duplicate inline table key {key}"),
    mark("unclosed inline table"),
    mark("escaped character is not a Unicode scalar value"),
    mark("unterminated string"),
    mark("invalid date or datetime"),
    mark("invalid value"),
)
"""With a small letter first."""
_YAML = (
    mark(
        '{context} in "<unicode string>", line {first_line}, column {first_column} {problem} '
        'in "<unicode string>", line {line}, column {column}'
    ),
    mark('while scanning for the next token {problem} in "<unicode string>", line {line}, column {column}'),
    mark('{problem} in "<unicode string>", line {line}, column {column}'),
    mark('{problem} in "<unicode string>", position {place}'),
    mark("while parsing {part}"),
    mark("while scanning {part}"),
    mark("a flow sequence"),
    mark("a flow mapping"),
    mark("a block mapping"),
    mark("a block collection"),
    mark("a quoted scalar"),
    mark("a block scalar"),
    mark("a simple key"),
    mark("a directive"),
    mark("a tag"),
    mark("an anchor"),
    mark("an alias"),
    mark("a node"),
    mark("',' or ']'"),
    mark("',' or '}}'"),
    mark("comment or line break"),
    mark("whitespace or line break"),
    mark("alphabetic or numeric character"),
    mark("node content"),
    mark("key"),
    mark("mapping values are not allowed in this context"),
    mark("mapping values are not allowed here"),
    mark("block sequence entries are not allowed in this context"),
    mark("found character that cannot start any token"),
    mark("found unexpected end of stream"),
    mark("found unexpected document indicator"),
    mark("found unknown escape character"),
    mark("found unknown directive name"),
    mark("found undefined alias"),
    mark("found undefined tag handle"),
    mark("found a tab character where an indentation space is expected"),
    mark("found a tab character that violates indentation"),
    mark("could not find expected {mark}"),
    mark("did not find expected {mark}"),
    mark("did not find the expected {mark}"),
    mark("expected a single document in the stream"),
    mark("but found another document"),
    mark("unacceptable character {letter}: control characters are not allowed"),
    mark("unacceptable character {letter}: special characters are not allowed"),
)
"""Of libyaml, on one line."""
_JSON = (
    mark("Expecting value: line {line} column {column} (char {place})"),
    mark("Expecting property name enclosed in double quotes: line {line} column {column} (char {place})"),
    mark("Expecting {mark} delimiter: line {line} column {column} (char {place})"),
    mark("Unterminated string starting at: line {line} column {column} (char {place})"),
    mark("Extra data: line {line} column {column} (char {place})"),
    mark("Invalid control character at: line {line} column {column} (char {place})"),
    mark("Invalid \\escape: line {line} column {column} (char {place})"),
    mark("Invalid \\uXXXX escape: line {line} column {column} (char {place})"),
    mark("Illegal trailing comma before end of object: line {line} column {column} (char {place})"),
    mark("Illegal trailing comma before end of array: line {line} column {column} (char {place})"),
    mark("'{encoding}' codec can't decode byte {byte} in position {place}: {reason}"),
    mark("'{encoding}' codec can't decode bytes in position {place}: {reason}"),
    mark("invalid start byte"),
    mark("invalid continuation byte"),
    mark("unexpected end of data"),
    mark("'{mark}' expected after '{quote}'"),
    mark("field larger than field limit ({most})"),
    mark("Out of range float values are not JSON compliant"),
    mark("line contains NUL"),
    mark("new-line character seen in unquoted field - do you need to open the file with newline=''?"),
)
"""JSON, CSV and encodings."""
_TABLES = (
    mark("No columns to parse from file"),
    mark("Error tokenizing data. C error: {reason}"),
    mark("Expected {wanted} fields in line {line}, saw {got}"),
    mark("EOF inside string starting at row {row}"),
    mark("file is not a database"),
    mark("database disk image is malformed"),
    mark("database is locked"),
    mark("unable to open database file"),
    mark("disk I/O error"),
    mark("attempt to write a readonly database"),
    mark("database or disk is full"),
    mark("no such table: {name}"),
)
"""Of pandas and SQLite."""
_SERDE = (
    mark("{reason} at line {line} column {column}"),
    mark("key must be a string"),
    mark("expected value"),
    mark("expected ident"),
    mark("EOF while parsing a value"),
    mark("EOF while parsing a string"),
    mark("EOF while parsing a list"),
    mark("EOF while parsing an object"),
    mark("trailing characters"),
    mark("trailing comma"),
    mark("invalid number"),
    mark("invalid escape"),
    mark("number out of range"),
    mark("recursion limit exceeded"),
    mark("control character (\\u0000-\\u001F) found while parsing a string"),
    mark("invalid type: {got}, expected {wanted}"),
    mark("invalid length {got}, expected {wanted}"),
    mark("missing field `{name}`"),
    mark("duplicate field `{name}`"),
    mark("unknown variant `{name}`, expected one of {known}"),
    mark("data did not match any variant of untagged enum {name}"),
)
"""JSON as Rust's libraries read it: those of safetensors and of pydantic."""
_SAFETENSORS = (
    mark("Error while deserializing header: {reason}"),
    mark("Error while deserializing: {reason}"),
    mark("header too large"),
    mark("header too small"),
    mark("invalid header length"),
    mark("invalid header deserialization"),
    mark("invalid JSON in header: {reason}"),
    mark("invalid UTF-8 in header: {reason}"),
    mark("invalid offset for tensor `{name}`"),
    mark("tensor invalid info"),
    mark("metadata incomplete buffer"),
    mark("invalid shape, data type, or offset for tensor"),
    mark("incomplete metadata, file not fully covered"),
    mark("overflow computing buffer size from shape and/or element type"),
)
_ZLIB = (
    mark("Error {number} while decompressing data: {reason}"),
    mark("incorrect header check"),
    mark("incorrect data check"),
    mark("invalid block type"),
    mark("invalid stored block lengths"),
    mark("invalid distance too far back"),
)
_PILLOW = (
    mark("image file is truncated ({left} bytes not processed)"),
    mark("image file is truncated"),
    mark("broken PNG file"),
    mark("broken PNG file (chunk {chunk})"),
    mark("broken PNG file (bad header checksum in {chunk})"),
    mark("broken data stream when reading image file"),
    mark("unrecognized data stream contents when reading image file"),
    mark("cannot identify image file {file}"),
    mark("decoder error {number} when reading image file"),
    mark("decoder error {number}"),
    mark("broken PNG file (incomplete checksum in {chunk})"),
    mark("truncated PNG file"),
    mark("Truncated {chunk} chunk"),
    mark("Decompressed data too large for PngImagePlugin.MAX_TEXT_CHUNK"),
    mark("no marker found"),
    mark("not enough image data"),
    mark("image was incomplete"),
    mark("image not found in GIF frame"),
    mark("bad mode {kind}"),
    mark("Truncated File Read"),
    mark("not a TIFF file (header {header} not valid)"),
    mark("No more frames in {kind} file"),
    mark("no more images in GIF file"),
    mark("not a {kind} file"),
    mark("could not create decoder object"),
    mark("failed to read next frame"),
    mark("Decompressed Data Too Large"),
    mark("Unsupported BMP header type ({number})"),
    mark("Unsupported BMP compression ({number})"),
    mark("Unsupported BMP pixel depth ({number})"),
    mark("buffer is not large enough"),
    mark("unknown raw mode"),
    mark("cannot decode image data"),
)
_NETWORK = (
    mark("[{code}] Connection failed: {reason}"),
    mark("[{code}] Request timed out: {reason}"),
    mark("{pool}(host='{host}', port={port}): Max retries exceeded with url: {address} (Caused by {reason})"),
    mark("{pool}(host='{host}', port={port}): Max retries exceeded with url: {address}"),
    mark('{kind}("{place}: Failed to establish a new connection: {reason}")'),
    mark("{kind}(\"{place}: Failed to resolve '{host}' ({reason})\")"),
    mark("{pool}(host='{host}', port={port}): Read timed out. (read timeout={seconds})"),
    mark("HTTP {status} on {method} {address}"),
    mark("[{code}] {reason}"),
)
"""Of the hubs' clients."""
_KNOWN = (
    *_SYSTEM,
    *_PYDANTIC,
    *_TOML,
    *_YAML,
    *_JSON,
    *_TABLES,
    *_SERDE,
    *_SAFETENSORS,
    *_ZLIB,
    *_PILLOW,
    *_NETWORK,
    mark("expected {mark}"),
)
"""Templates; what is special stands before what is general."""


def reason_of(said: Exception | str) -> str:
    """Return what an exception, or a text of the system or a library, says, in the reader's language.

    Of the system's errors it is the reason alone, without number and path.

    >>> reason_of(PermissionError(13, "Permission denied", "a.toml"))
    'Permission denied'
    """
    text = said.strerror if isinstance(said, OSError) and said.strerror else str(said)
    if isinstance(text, Message) or len(text) > _LONGEST:
        return text
    for pattern, template in _patterns():
        if found := pattern.fullmatch(text):
            return tr(template, **{name: reason_of(value) for name, value in found.groupdict().items()})
    return text


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(_pattern(template)), template) for template in _KNOWN)


def _pattern(template: str) -> str:
    """Return a pattern of the texts that a template makes."""
    parts = Formatter().parse(template)
    return "".join(
        re.escape(literal) + (f"(?P<{name}>.+?)" if name is not None else "") for literal, name, *_ in parts
    )

"""What a query is about, in few words: its operations and their targets, in the order of the text.

``SELECT songs artists``, ``INSERT shipping_details SELECT orders``: semantic conventions 1.44, "Generating a summary of the
query".  Fed with the tokens of ``autotrace.conventions.sql`` one by one; it remembers, but never looks ahead.

Programs, ORMs and dialects spell one query in several ways.  So that it has one name, operations stand in capitals, and
targets without quotes wherever they can be read without them.

Not told: what stands in the bodies of functions, procedures and triggers and in blocks of a procedural language, and the
targets of administrative statements.
"""

from __future__ import annotations

SUMMARY_LIMIT = 255  # characters of a summary
_WORD_LIMIT = 40  # characters of an operation: no statement begins with a longer word


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_DEFINITIONS = _words("ALTER CREATE DROP TRUNCATE")
# What may stand between the first word of a definition and the kind of object.
_MODIFIERS = _words(
    """BITMAP CLUSTERED EXTERNAL FOREIGN FULLTEXT GLOBAL LOCAL MATERIALIZED NONCLUSTERED OR PUBLIC RECURSIVE REPLACE SPATIAL
    TEMP TEMPORARY UNIQUE UNLOGGED VIRTUAL"""
)
_OBJECTS = _words(
    """DATABASE DOMAIN EXTENSION FUNCTION INDEX KEYSPACE PROCEDURE ROLE SCHEMA SEQUENCE SYNONYM TABLE TABLESPACE TRIGGER
    TYPE USER VIEW"""
)
_BODIES = _words("FUNCTION PROCEDURE TRIGGER")
_CHANGES = _words("DELETE INSERT MERGE REPLACE UPDATE")
_CALLS = _words("CALL EXEC EXECUTE")
_NAMED = _words("COPY PRAGMA")
# What begins a block of a procedural language where a name follows, and what follows where a transaction begins.
_BLOCKS = _words("BEGIN DECLARE")
_HEADS = _BLOCKS | _words("INSERT")
_TRANSACTIONS = _words(
    "CONCURRENT DEFERRABLE DEFERRED DISTRIBUTED EXCLUSIVE IMMEDIATE ISOLATION NOT READ TRAN TRANSACTION WORK"
)
# What may stand between an operation and its target's name.
_BETWEEN = _words(
    """ABORT CONCURRENTLY DELAYED EXISTS FAIL FROM HIGH_PRIORITY IF IGNORE INTO LATERAL LOW_PRIORITY NOT ON ONLY OR OVERWRITE
    QUICK REPLACE ROLLBACK TABLE"""
)
# Between INSERT and each of its tables, where there are several.
_SEVERAL = _words("ALL FIRST")
_BEFORE_ONE = _SEVERAL | _words("ELSE THEN )")
_AFTER_TABLES = _words(
    """CONNECT EXCEPT FETCH FOR GROUP HAVING INTERSECT INTO LIMIT MINUS OFFSET OPTION ORDER QUALIFY RETURNING SET START UNION
    VALUES WHERE WINDOW"""
)
_QUOTES = ('"', "`", "[")
_NEED_QUOTES = frozenset(" .,;()\"'`[]")
_TABLED = _CHANGES | _words("SELECT TRUNCATE") | {f"{word} TABLE" for word in _DEFINITIONS}


class _Level:
    """Whether an operation stands between a pair of brackets, and whether a comma there goes on with tables."""

    __slots__ = ("operation", "tables")

    def __init__(self) -> None:
        self.operation = self.tables = False


class Summary:
    """Reads tokens; ``finish`` tells what they were about."""

    __slots__ = (
        "_awaits",
        "_before",
        "_body",
        "_certain",
        "_defines",
        "_fresh",
        "_last",
        "_levels",
        "_local",
        "_mute",
        "_named",
        "_operations",
        "_parts",
        "_pending",
        "_procedure",
        "_room",
        "_statements",
        "_targets",
        "_wants",
    )

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._room = SUMMARY_LIMIT + 1
        self._operations: list[str] = []
        self._targets: list[str] = []
        self._procedure = ""
        self._statements = 0
        self._certain = True
        self._body = False  # a body follows; nothing after it is read
        self._restart()

    def _restart(self) -> None:
        """Forget what belongs to one statement."""
        self._levels = [_Level()]
        self._fresh = True  # no word of the statement has been read
        self._mute = False  # the rest of the statement is not read
        self._wants = False  # a name is a target here
        self._pending = ""  # a target that may go on after a dot
        self._defines = ""  # the first word of a definition whose object is not known
        self._awaits = False  # the operation is still to come, after WITH or EXPLAIN
        self._named = ""  # CALL, PRAGMA: only one name follows
        self._local: set[str] = set()  # names that WITH gives
        self._last = self._before = ""

    def wants_name(self) -> bool:
        """Tell whether nothing but a name can stand here: after a dot, or where a table is named."""
        return self._pending[-1] == "." if self._pending else self._wants or self._before == "."

    def name(self, token: str) -> None:
        """Read a word, quoted or not."""
        plain = _plain(token)
        if self._pending:
            if self._pending[-1] == ".":
                self._pending += plain
                return
            self._target(function=False)
        if self._mute or self._body:
            return
        word = token.upper()
        if self._fresh:
            self._begin(token, word)
        else:
            self._read(token, word, plain)
        self._before = word

    def sign(self, sign: str) -> None:
        """Read anything else; a literal is a question mark."""
        if self._pending:
            if sign == ".":
                self._pending += sign
                return
            self._target(function=sign == "(")
        if sign == ";":
            self._define("")
            self._restart()
        elif sign == "(":
            self._levels.append(_Level())
            self._wants = False
        elif sign == ")":
            if len(self._levels) > 1:
                self._levels.pop()
            self._wants = False
        else:
            self._wants = sign == "," and self._levels[-1].tables
        self._before = sign

    def finish(self) -> tuple[str, str, str, str]:
        """Return the summary, the one operation, its one table, and the stored procedure; each may be empty."""
        if self._pending:
            self._target(function=False)
        self._define("")
        one = self._certain and self._statements == 1 and len(self._operations) == 1
        operation = self._operations[0] if one else ""
        tabled = operation.upper() in _TABLED and len(set(self._targets)) == 1
        return " ".join(self._parts), operation, self._targets[0] if tabled else "", self._procedure if one else ""

    def _begin(self, token: str, word: str) -> None:
        """Read the first word of a statement."""
        self._fresh = False
        self._statements += 1
        if word in _DEFINITIONS:
            self._defines = token
        elif word == "SELECT" or word in _CHANGES:
            self._operate(token, word)
        elif word == "WITH":
            self._awaits = True
        elif len(word) > _WORD_LIMIT or not (word.isascii() and word.isalpha()):
            self._mute = True
        else:
            self._operation(token)
            self._awaits = word == "EXPLAIN"
            self._named = word if word in _CALLS or word in _NAMED else ""
            self._wants = bool(self._named) or word in _BLOCKS
            self._mute = not (self._awaits or self._wants)

    def _read(self, token: str, word: str, plain: str) -> None:
        """Read another word; ``plain`` is what it is called as a name."""
        level = self._levels[-1]
        if self._defines and (word in _MODIFIERS or self._define(token, word)):
            return
        if self._wants:
            if word in _BETWEEN:
                return
            self._wants = False
            if self._before in _HEADS and self._head(word):
                return
            if word != "SELECT":
                self._pending = plain
                return
        if self._before == ".":
            return
        if word == "SELECT" or (word in _CHANGES and self._may_change()):
            self._operate(token, word)
        elif word == "FROM":
            level.tables = self._wants = level.operation and self._before != "DISTINCT"
        elif word in ("JOIN", "STRAIGHT_JOIN"):
            self._wants = level.operation and self._before != "ARRAY"  # that one joins a column of the table
        elif word == "USING":
            self._wants = level.operation and self._operations[-1].upper() in ("DELETE", "MERGE")
        elif word in _AFTER_TABLES:
            level.tables = False
            if word == "INTO" and self._before in _BEFORE_ONE:
                self._wants = level.operation and self._operations[-1].upper() == "INSERT"
        elif word == "AS" and self._awaits and len(self._levels) == 1:
            self._local.add(self._last)
        if len(self._levels) == 1:
            self._last = plain.upper()

    def _head(self, word: str) -> bool:
        """Read what follows a word after which it decides; tells whether it is read thereby."""
        if self._before == "INSERT":
            return word in _SEVERAL
        self._mute = True
        self._body = word not in _TRANSACTIONS
        self._certain = self._certain and not (self._body and self._before == "BEGIN")
        return True

    def _may_change(self) -> bool:
        """Tell whether a word such as UPDATE is an operation here, not part of FOR UPDATE or ON DELETE."""
        return self._awaits and (len(self._levels) == 1 or self._before == "(")

    def _operate(self, token: str, word: str) -> None:
        """Take in a query or a change."""
        level = self._levels[-1]
        level.operation = True
        level.tables = word == "UPDATE"
        self._wants = word != "SELECT"
        if len(self._levels) == 1:
            self._awaits = False
        self._operation(token)

    def _define(self, token: str, word: str = "") -> bool:
        """Take in a definition now that its object is known, or that there will be none; tells whether a word was used."""
        first, self._defines = self._defines, ""
        if not first:
            return False
        if word in _OBJECTS:
            self._operation(f"{first} {token}")
            self._body = False
            self._named = word if word in _BODIES else ""
        else:
            self._operation(first)
            self._mute = first.upper() != "TRUNCATE"
        self._wants = not self._mute
        self._levels[-1].tables = first.upper() in ("DROP", "TRUNCATE")
        return word in _OBJECTS or self._mute

    def _target(self, *, function: bool) -> None:
        """Take in a target that is complete."""
        name, self._pending = self._pending.rstrip("."), ""
        operation = self._operations[-1].upper() if self._operations else ""
        if name.upper() in self._local or (function and operation == "SELECT"):
            self._certain = False
        if name.upper() in self._local:
            return
        self._add(name)
        self._targets.append(name)
        if self._named in _CALLS:
            self._procedure = name
        self._body = self._named in _BODIES
        self._mute = bool(self._named)

    def _operation(self, operation: str) -> None:
        self._operations.append(operation)
        self._add(operation.upper())

    def _add(self, part: str) -> None:
        """Add a word where there is room for the whole of it; after one that found none, there is none."""
        self._room -= len(part) + 1
        if self._room >= 0:
            self._parts.append(part)
        else:
            self._room = -1


def _plain(token: str) -> str:
    """Return a name without its quotes, where it is one word without them."""
    if token[0] not in _QUOTES or len(token) < 3:
        return token
    inner = token[1:-1]
    return token if any(char in _NEED_QUOTES or char.isspace() for char in inner) else inner

"""The audit log on both databases: one chain, whoever writes."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from gateway.keystore import KeyRow, KeyStoreUnavailable, NameTaken, NoSuchName, TenantRow, open_key_store
from metering.audit.entry import FIELDS, AuditRow, AuditUnavailable, Author, Entry
from metering.audit.log import AuditLog, in_two_steps
from metering.audit.read import MAX_ROWS, AuditQuery, audit_rows
from metering.audit.verify import NO_ROWS, BadHead, Head, head_of, parse_head, verify
from metering.ledger import LedgerError
from metering.ledger_url import open_ledger, open_reader
from tests.by_hand import change_by_hand
from tests.fakes.authors import BY

ROOT = Path(__file__).resolve().parents[2]
HASH = "sha256:" + "5" * 64


@pytest.fixture
def url(ledger_url: str) -> str:
    """Of a ledger that is there."""
    open_ledger(ledger_url).close()
    return ledger_url


def write(url: str, count: int) -> list[AuditRow]:
    log = AuditLog(url)
    return [log.write(Author("a/b", 1000 + n, f"req_{n}"), Entry("x.y", f"thing {n}")) for n in range(count)]


def rows_of(url: str, **asked: object) -> list[AuditRow]:
    return audit_rows(open_reader(url), AuditQuery(**asked))  # type: ignore[arg-type]


def test_what_is_written_is_read_back_and_found_good(url: str) -> None:
    reader = open_reader(url)
    assert head_of(reader) == NO_ROWS
    assert verify(reader).ok
    written = write(url, 5)
    assert rows_of(url) == written
    assert [row.seq for row in written] == [1, 2, 3, 4, 5]
    verdict = verify(reader, head_of(reader))
    assert (verdict.ok, verdict.rows, str(verdict.head)) == (True, 5, f"5:{written[-1].hash}")


def test_rows_are_chosen_and_come_in_pages(url: str) -> None:
    log = AuditLog(url)
    changes = [("a", "key.create"), ("b", "key.revoke"), ("a", "keyring.x"), ("a", "key")]
    for n, (who, action) in enumerate(changes):
        log.write(Author(who, 100 * n), Entry(action, "it"))

    def numbers(**asked: object) -> list[int]:
        return [row.seq for row in rows_of(url, **asked)]

    assert numbers(action="key") == [1, 2, 4]
    assert numbers(action="key.revoke", who="b", subject="it") == [2]
    assert numbers(action="k_y") == numbers(subject="other") == []
    assert numbers(from_us=100, until_us=300) == [2, 3]
    assert numbers(limit=3) == [1, 2, 3]
    assert numbers(limit=3, after=3) == [4]
    assert numbers(limit=2, newest_first=True, after=4) == [3, 2]
    with pytest.raises(ValueError, match="limit must be between"):
        numbers(limit=MAX_ROWS + 1)


def tamper(url: str, name: str, seq: int) -> None:
    value = "seq + 100" if name == "seq" else "7" if name == "at_us" else f"coalesce({name}, '') || ' '"
    change_by_hand(url, f"UPDATE audit_log SET {name} = {value} WHERE seq = {seq}")


def test_a_change_by_hand_of_any_field_is_found(url: str) -> None:
    write(url, 4)
    change_by_hand(url, "CREATE TABLE kept AS SELECT * FROM audit_log")
    for name in FIELDS:
        tamper(url, name, 3)
        finding = verify(open_reader(url)).finding
        assert finding is not None
        assert (finding.seq, finding.kind) == (3, "removed" if name == "seq" else "changed"), name
        change_by_hand(url, "DELETE FROM audit_log")
        change_by_hand(url, "INSERT INTO audit_log SELECT * FROM kept")
    assert verify(open_reader(url)).ok


def test_rows_deleted_by_hand_are_found(url: str) -> None:
    reader = open_reader(url)
    write(url, 5)
    noted = head_of(reader)
    change_by_hand(url, "DELETE FROM audit_log WHERE seq = 5")
    assert verify(reader).ok
    finding = verify(reader, noted).finding
    assert finding is not None
    assert finding.detail == "row 5 is gone: row 5 was noted, and the log ends at 4"
    write(url, 1)  # a new row 5 does not hide it
    finding = verify(reader, noted).finding
    assert finding is not None
    assert finding.kind == "rewritten"
    change_by_hand(url, "DELETE FROM audit_log WHERE seq = 2")
    finding = verify(reader).finding
    assert finding is not None
    assert finding.detail == "row 2 is gone: row 3 comes after row 1"


def test_a_log_of_many_pages_is_read_to_its_end(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metering.audit.verify.PAGE_ROWS", 3)
    for count in (3, 4):
        write(url, count)
    assert verify(open_reader(url)).rows == 7
    tamper(url, "who", 7)
    assert verify(open_reader(url)).rows == 6


def test_two_rows_of_one_number_are_found_even_at_a_pages_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'weir.db'}"
    open_ledger(url).close()
    write(url, 4)
    change_by_hand(url, "CREATE TABLE copied AS SELECT * FROM audit_log")
    change_by_hand(url, "INSERT INTO copied SELECT * FROM audit_log WHERE seq = 2")
    change_by_hand(url, "DROP TABLE audit_log")
    change_by_hand(url, "ALTER TABLE copied RENAME TO audit_log")
    for page_rows in (2, 100):
        monkeypatch.setattr("metering.audit.verify.PAGE_ROWS", page_rows)
        finding = verify(open_reader(url)).finding
        assert finding is not None
        assert finding.kind == "inserted"


def test_writers_in_threads_make_one_chain_and_lose_nothing(url: str) -> None:
    ready, failed = threading.Barrier(6), []

    def writer(number: int) -> None:
        log = AuditLog(url)
        ready.wait(10)
        try:
            for n in range(8):
                log.write(Author(f"t{number}", n), Entry("x.y", f"{number}/{n}"))
        except AuditUnavailable as error:
            failed.append(error)

    threads = [threading.Thread(target=writer, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failed
    assert verify(open_reader(url)).rows == 48
    assert {row.subject for row in rows_of(url)} == {f"{t}/{n}" for t in range(6) for n in range(8)}


PROCESS = """
import sys
from gateway.keystore import KeyRow, TenantRow, open_key_store
from metering.audit.entry import Author, Entry
from metering.audit.log import AuditLog
url, number = sys.argv[1], int(sys.argv[2])
store, log = open_key_store(url), AuditLog(url)
store.create_schema()
sys.stdin.readline()
for n in range(5):
    by = Author(f"p{number}", n)
    store.add_tenant(TenantRow(f"p{number}-{n}"), by)
    log.write(by, Entry("x.y", f"{number}/{n}"))
    store.revoke_tenant(f"p{number}-{n}", 9, by)
"""


def test_processes_make_one_chain_with_changes_of_keys_and_others(url: str) -> None:
    """As two gateways and a command at once."""
    running = [
        subprocess.Popen([sys.executable, "-c", PROCESS, url, str(n)], cwd=ROOT, stdin=subprocess.PIPE)
        for n in range(3)
    ]
    for process in running:
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.close()
    assert [process.wait(60) for process in running] == [0, 0, 0]
    assert verify(open_reader(url)).rows == 45
    with closing(open_key_store(url)) as store:
        assert all(tenant.revoked_us == 9 for tenant in store.read().tenants)


def test_a_change_of_keys_says_before_and_after_without_the_hash(url: str) -> None:
    with closing(open_key_store(url)) as store:
        store.create_schema()
        store.add_tenant(TenantRow("acme", "CC-1", ("m",), 5), BY)
        store.add_key(KeyRow("acme", "web", HASH, "site", created_us=6), BY)
        store.expire_key("acme", "web", 70, BY)
        row = store.revoke_key("acme", "web", 80, BY)
    shown = rows_of(url)
    assert [row.action for row in shown] == ["tenant.create", "key.create", "key.expire", "key.revoke"]
    assert shown[-1] == row
    assert (row.who, row.at_us, row.request_id) == (BY.who, BY.at_us, BY.request_id)
    assert row.before is not None
    assert row.after is not None
    assert '"expires_us":70' in row.before
    assert '"revoked_us":null' in row.before
    assert '"revoked_us":80' in row.after
    assert '"hash":"sha256:55555555..."' in row.after
    assert "5" * 9 not in "".join(str(row) for row in shown).replace(BY.request_id, "")


def test_a_change_that_is_refused_leaves_no_row(url: str) -> None:
    with closing(open_key_store(url)) as store:
        store.create_schema()
        store.add_tenant(TenantRow("acme"), BY)
        with pytest.raises(NameTaken):
            store.add_tenant(TenantRow("acme"), BY)
        with pytest.raises(NoSuchName):
            store.revoke_key("acme", "web", 1, BY)
    assert len(rows_of(url)) == 1


def test_a_change_whose_row_cannot_be_written_is_not_made(url: str) -> None:
    with closing(open_key_store(url)) as store:
        store.create_schema()
        store.add_tenant(TenantRow("acme"), BY)
        change_by_hand(url, "ALTER TABLE audit_log RENAME TO hidden")
        with pytest.raises(KeyStoreUnavailable, match="audit_log"):
            store.add_tenant(TenantRow("globex"), BY)
        with pytest.raises(KeyStoreUnavailable, match="audit_log"):
            store.revoke_tenant("acme", 5, BY)
        assert [(tenant.name, tenant.revoked_us) for tenant in store.read().tenants] == [("acme", None)]


def test_a_fork_is_refused_even_without_the_lock(url: str) -> None:
    (row,) = write(url, 1)
    columns = ", ".join(name for name in FIELDS if name not in {"seq", "hash"})
    fork = f"INSERT INTO audit_log ({columns}, seq, hash) SELECT {columns}, 2, 'x' FROM audit_log"
    with pytest.raises(Exception, match=r"(?i)unique"):
        change_by_hand(url, fork)
    assert rows_of(url) == [row]


def test_a_key_store_that_is_older_than_the_audit_log_gets_one(ledger_url: str) -> None:
    """A command of this release may come before its first gateway."""
    with closing(open_key_store(ledger_url)) as store:
        store.create_schema()
        store.add_tenant(TenantRow("acme"), BY)
    assert verify(open_reader(ledger_url)).rows == 1


def test_a_log_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    missing = AuditLog(f"sqlite:///{tmp_path / 'none.db'}")
    with pytest.raises(AuditUnavailable, match="the audit log cannot be written"):
        missing.write(BY, Entry("x.y", "z"))
    assert not (tmp_path / "none.db").exists()
    away = AuditLog("postgresql://weir:secret@127.0.0.1:1/weir")
    with pytest.raises(AuditUnavailable) as caught:
        away.write(BY, Entry("x.y", "z"))
    assert "secret" not in str(caught.value)


class Recorder:
    """Writes until it is told to fail."""

    def __init__(self, good: int) -> None:
        self.good = good
        self.entries: list[Entry] = []

    def write(self, entry: Entry) -> AuditRow:
        if len(self.entries) == self.good:
            raise AuditUnavailable("the audit log cannot be written: gone")
        self.entries.append(entry)
        number = len(self.entries)
        return AuditRow(number, 0, "", entry.action, entry.subject, None, None, "", "", "")


def test_a_change_in_two_steps_says_what_was_meant_and_what_became_of_it() -> None:
    log = Recorder(9)
    with in_two_steps(log.write, "x", "it", {"a": 1}, {"a": 2}) as outcome:
        assert [entry.action for entry in log.entries] == ["x.intent"]
        outcome["written"] = 3
    assert log.entries[-1] == Entry("x.done", "it", {"a": 1}, {"a": 2, "written": 3, "intent": 1})
    with pytest.raises(LedgerError), in_two_steps(log.write, "x", "it", None, None):
        raise LedgerError("full")
    assert log.entries[-1] == Entry("x.failed", "it", None, {"intent": 3, "error": "LedgerError: full"})


def test_a_change_in_two_steps_is_not_made_without_its_intent() -> None:
    log, made = Recorder(0), []
    with pytest.raises(AuditUnavailable, match="gone"), in_two_steps(log.write, "x", "it", None, None):
        made.append(1)
    assert not made


def test_an_outcome_that_cannot_be_written_is_told_and_hides_no_failure() -> None:
    with (
        pytest.raises(AuditUnavailable, match=r"the change was made.*intent \(row 1\).*gone"),
        in_two_steps(Recorder(1).write, "x", "it", None, None),
    ):
        pass
    with pytest.raises(LedgerError) as caught, in_two_steps(Recorder(1).write, "x", "it", None, None):
        raise LedgerError("full")
    assert str(caught.value) == "full"
    assert "not this failure" in caught.value.__notes__[0]


@pytest.mark.parametrize("text", ["", "12", "ab" * 31, "x:" + "0" * 64, "3:" + "0" * 64, "0:" + "1" * 64])
def test_what_is_no_head_is_refused(text: str) -> None:
    with pytest.raises(BadHead, match="head: "):
        parse_head(text)


def test_heads_are_read_as_they_are_printed() -> None:
    head = Head(12, "ab" * 32)
    assert parse_head(f" {head}\n") == head
    assert parse_head("AB" * 32) == Head(None, "ab" * 32)
    assert parse_head(str(NO_ROWS)) == NO_ROWS

"""Starts Patroni with what Debian 12's version (3.0.2) lacks for a ledger.

Everything else is Patroni's own. Arguments are those of `patroni`.

1. A leader renews the lease only while it still holds it. That version reads who leads, and later
   overwrites the key regardless of its value by then: a leader that was frozen in between takes the
   lease back from its successor, whose acknowledged commits are then rewound. Fixed upstream in
   3.0.3: there this patch is not applied.
2. A primary that has lost its lease is not a candidate until it has stepped down. Patroni lets it take
   a free lease without a promotion, and so without the promotion guard.
3. A number of a timeline is taken once. A member that was promoted and lost before another one
   knew of it leaves a timeline whose number Postgres would give again. Then Postgres, pg_rewind and
   Patroni take two histories for one: they compare numbers. So a promotion takes its number in
   etcd, while the lease is still its own, and steps over those that others have taken.
4. One copy of a book is rewound at a time. A copy is useless until its rewind is done: while both
   other copies are incomplete, the loss of the leader would be the loss of the book. The first also has
   the whole speed of the links, and with it the book has its second copy. No connection to
   another member waits without a limit for one that is lost.
5. In a change of the leader that was asked for, the copies not concerned sleep two seconds before
   they follow the new one, which can commit nothing meanwhile; and the old leader looks once a
   second whether its Postgres has stopped. Writes pause for no longer than they must.
6. A copy that remains on an older timeline than its leader's is checked for a rewind in every turn.
   Patroni checks once, before it starts a copy that has crashed, and against the position in its
   control file. The WAL on its disk may go further, past the point where the leader's timeline
   begins: such a copy replays it, cannot stream, and stays so for minutes.
7. Postgres is started once at a time. A leader that loses etcd is demoted by two threads where its stop
   takes longer than a turn, and each starts Postgres. The second one ends at once, but Patroni
   remembers it in place of the first, takes Postgres for stopped, and rewinds or removes the files
   under the one that runs. Before a copy is started, the last files of 3 are removed: it would recover
   to the greatest number that has a file, and follow no leader of another timeline. They are there
   after a promotion that failed, and in a copy that was killed before it had fetched the next file.
"""

import os
import re
import threading
import time

import patroni.ha
import patroni.postgresql
import patroni.postgresql.config
import patroni.psycopg
import psutil
from patroni.dcs import etcd3
from patroni.postgresql.postmaster import PostmasterProcess
from patroni.version import __version__


def renew_own_lease(self):
    retry = self._retry.copy()

    def _retry(*args, **kwargs):
        kwargs['retry'] = retry
        return retry(*args, **kwargs)

    self._run_and_handle_exceptions(self._do_refresh_lease, True, retry=_retry)
    if not self._lease:
        return False
    leader = self.cluster and self.cluster.leader
    if isinstance(leader, etcd3.Leader) and leader.session == self._lease:
        return True
    key = etcd3.base64_encode(self.leader_path)
    name = etcd3.base64_encode(self._name)
    return bool(self._run_and_handle_exceptions(
        self._client.txn,
        {'key': key, 'target': 'VALUE', 'result': 'EQUAL', 'value': name},
        {'request_put': {'key': key, 'value': name, 'lease': self._lease}},
        retry=_retry))


if __version__ in ('3.0.0', '3.0.1', '3.0.2'):
    etcd3.Etcd3._update_leader = etcd3.catch_return_false_exception(renew_own_lease)


is_healthiest_node = patroni.ha.Ha.is_healthiest_node


def is_candidate(self):
    if self.state_handler.is_leader() and not self.is_paused():
        return False
    return is_healthiest_node(self)


patroni.ha.Ha.is_healthiest_node = is_candidate


is_most_advanced = patroni.ha.Ha._is_healthiest_node


def is_on_newest_timeline(self, members, check_replication_lag=True):
    # The members are asked once: a lost one delays every question.
    statuses = []
    fetch = self.fetch_nodes_statuses

    def fetch_once(asked):
        statuses.extend(fetch(asked))
        return statuses

    self.fetch_nodes_statuses = fetch_once
    try:
        if not is_most_advanced(self, members, check_replication_lag):
            return False
    finally:
        del self.fetch_nodes_statuses
    newest = max((status.timeline or 0 for status in statuses), default=0)
    if newest == 0:
        return True
    mine = self.state_handler.get_replica_timeline() or 0
    if mine < newest:
        patroni.ha.logger.info('My timeline %s is behind %s, that of another member', mine, newest)
    return mine >= newest


patroni.ha.Ha._is_healthiest_node = is_on_newest_timeline


check_recovery_conf = patroni.postgresql.config.ConfigHandler.check_recovery_conf
WAL_SEGMENT_SIZE = 16 * 1024 ** 2


def check_recovery_conf_and_replay(self, member):
    forget_placeholders(self._postgresql)
    change, restart = check_recovery_conf(self, member)
    if change and not restart and not self._postgresql.is_starting():
        received = self._postgresql.received_location() or 0
        replayed = self._postgresql.replayed_location() or 0
        restart = received // WAL_SEGMENT_SIZE > replayed // WAL_SEGMENT_SIZE
    return change, restart


patroni.postgresql.config.ConfigHandler.check_recovery_conf = check_recovery_conf_and_replay


def transact(dcs, key, compare, operation):
    """Does one operation on a key of this book in etcd if all comparisons hold; returns whether."""
    compare = [{'key': etcd3.base64_encode(path), 'result': 'EQUAL', **rest}
               for path, rest in compare]
    (name, fields), = operation.items()
    success = [{name: {'key': etcd3.base64_encode(key), **fields}}]
    answer = dcs.retry(dcs._client.call_rpc, '/kv/txn', {'compare': compare, 'success': success})
    return bool(answer.get('succeeded'))


def value_is(value):
    return {'target': 'VALUE', 'value': etcd3.base64_encode(value)}


ABSENT = {'target': 'CREATE', 'create_revision': '0'}


def read_key(dcs, key):
    """The value of a key, agreed on by a majority, and the comparison that it is unchanged."""
    fields = etcd3.build_range_request(key)
    found = dcs.retry(dcs._client.call_rpc, '/kv/range', fields).get('kvs')
    if not found:
        return None, ABSENT
    value = etcd3.base64_decode(found[0]['value'])
    return value, {'target': 'MOD', 'mod_revision': found[0]['mod_revision']}


PLACEHOLDER = '# The number of this timeline was taken by a promotion that this history does not have.\n'
HISTORY_FILE = re.compile('([0-9A-F]{8})[.]history')


def history_files(wal_dir):
    """The timelines that have a history file in a folder: number and path."""
    found = ((HISTORY_FILE.fullmatch(name), name) for name in os.listdir(wal_dir))
    return {int(match[1], 16): os.path.join(wal_dir, name) for match, name in found if match}


def take_timeline(ha):
    """Takes the number of the timeline that the promotion of this member begins.

    Postgres takes the first number without a history file. For each number that others have taken,
    this member gets a file without a history, which Postgres passes over, and which the members
    that follow fetch as they fetch every other one.

    Returns False where this member does not hold the lease, or etcd does not answer.
    """
    dcs, postgresql = ha.dcs, ha.state_handler
    key = dcs.client_path('newest_timeline')
    try:
        own = postgresql.get_replica_timeline()
        if not own:
            return False
        files = history_files(postgresql.wal_dir)
        taken, unchanged = read_key(dcs, key)
        number = max(own, int(taken or 0), *files) + 1
        mine = [(key, unchanged), (dcs.leader_path, value_is(dcs._name))]
        value = etcd3.base64_encode(str(number))
        if not transact(dcs, key, mine, {'request_put': {'value': value}}):
            patroni.ha.logger.warning('Not promoting: timeline %s was not available', number)
            return False
        for skipped in set(range(own + 1, number)) - set(files):
            path = os.path.join(postgresql.wal_dir, '{0:08X}.history'.format(skipped))
            with open(path, 'w') as file:
                file.write(PLACEHOLDER)
                file.flush()
                os.fsync(file.fileno())
        patroni.postgresql.misc.fsync_dir(postgresql.wal_dir)
        return True
    except Exception:
        patroni.ha.logger.exception('Not promoting: no timeline could be taken')
        return False


def forget_placeholders(postgresql):
    """Removes the files of a promotion that failed: a leader may have that timeline."""
    if postgresql.role not in ('promoted', 'master', 'primary'):
        remove_placeholders(postgresql.wal_dir)


def remove_placeholders(wal_dir):
    """Removes those that no history file with a greater number has made parts of the past."""
    for _, path in sorted(history_files(wal_dir).items(), reverse=True):
        with open(path) as file:
            if file.read() != PLACEHOLDER:
                return
        os.unlink(path)


set_history_value = etcd3.Etcd3.set_history_value


def set_changed_history(self, value):
    # Patroni writes it in every turn where the numbers in it have a gap.
    history = self.cluster and self.cluster.history
    return bool(history and history.value == value) or set_history_value(self, value)


etcd3.Etcd3.set_history_value = set_changed_history


def rewind_in_turn(ha, execute, leader):
    """Rewinds this copy unless another one of the book is being rewound; then Patroni asks again.

    The key is there for as long as this Patroni lives and the rewind lasts.
    """
    dcs = ha.dcs
    key = dcs.client_path('rewinding')
    mine = value_is(dcs._name)
    value = etcd3.base64_encode(dcs._name)
    lease = dcs._lease
    if not lease:
        return None
    if not transact(dcs, key, [(key, ABSENT)], {'request_put': {'value': value, 'lease': lease}}):
        other = read_key(dcs, key)[0]
        if other != dcs._name:
            patroni.ha.logger.info('Waiting: %s is being rewound', other)
            return None
    try:
        return execute(leader)
    finally:
        # Where etcd has not answered for that long, the lease has ended, and the key with it.
        for _ in range(dcs.ttl):
            try:
                transact(dcs, key, [(key, mine)], {'request_delete_range': {}})
                break
            except Exception:
                patroni.ha.logger.exception('Cannot record that this copy has been rewound')
                time.sleep(1)


init_ha = patroni.ha.Ha.__init__


def init_guarded(self, *args):
    init_ha(self, *args)
    guard, rewind = self.state_handler._pre_promote, self._rewind
    self.state_handler._pre_promote = lambda: guard() and take_timeline(self)
    execute, pg_rewind = rewind.execute, rewind.pg_rewind
    rewind.execute = lambda leader: rewind_in_turn(self, execute, leader)
    # Patroni removes a copy whose rewind has failed if its leader answers again by then: a
    # broken connection is no reason to copy all of it again.
    rewind.pg_rewind = lambda source: pg_rewind(source) or pg_rewind(source)


patroni.ha.Ha.__init__ = init_guarded

follow = patroni.ha.Ha.follow


def follow_or_rewind(self, *args, **kwargs):
    postgresql = self.state_handler
    if self._leader_timeline and not postgresql.is_leader() and not postgresql.is_starting():
        timeline = postgresql.received_timeline() or postgresql.get_replica_timeline()
        if timeline and timeline < self._leader_timeline:
            self._rewind.trigger_check_diverged_lsn()
    return follow(self, *args, **kwargs)


patroni.ha.Ha.follow = follow_or_rewind

spawn = PostmasterProcess.start
spawning = threading.Lock()
# By data folder.
spawned = {}


def is_alive(process):
    """A process that has ended stays a zombie until its parent asks for its exit code."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def start_once(pgcommand, data_dir, conf, options):
    with spawning:
        running = spawned.get(data_dir)
        if running and is_alive(running):
            patroni.ha.logger.info('Postgres was started already: pid %s', running.pid)
            return running
        if os.path.exists(os.path.join(data_dir, 'standby.signal')):
            remove_placeholders(os.path.join(data_dir, 'pg_wal'))
        spawned[data_dir] = spawn(pgcommand, data_dir, conf, options)
        return spawned[data_dir]


PostmasterProcess.start = staticmethod(start_once)

# A peer that is lost is given up after seconds, not after the quarter of an hour of TCP.
GIVE_UP = {'keepalives_idle': 2, 'keepalives_interval': 2, 'keepalives_count': 3,
           'tcp_user_timeout': 8000}


connect = patroni.psycopg.connect


def connect_with_limits(*args, **kwargs):
    return connect(*args, **{**GIVE_UP, **kwargs})


patroni.psycopg.connect = connect_with_limits


format_dsn = patroni.postgresql.config.ConfigHandler.format_dsn


def format_dsn_with_limits(self, *args, **kwargs):
    """Of pg_rewind and pg_basebackup, and of a copy's connection to its leader."""
    limits = ' '.join('{0}={1}'.format(*limit) for limit in GIVE_UP.items())
    return '{0} connect_timeout=5 {1}'.format(format_dsn(self, *args, **kwargs), limits)


patroni.postgresql.config.ConfigHandler.format_dsn = format_dsn_with_limits


class Impatient:
    """The module `time`, without sleeps of two seconds, all of which wait for another member."""

    def __getattr__(self, name):
        return getattr(time, name)

    @staticmethod
    def sleep(seconds):
        time.sleep(0.1 if seconds == 2 else seconds)


patroni.ha.time = Impatient()
patroni.postgresql.STOP_POLLING_INTERVAL = 0.1


if __name__ == '__main__':
    from patroni.__main__ import main
    main()

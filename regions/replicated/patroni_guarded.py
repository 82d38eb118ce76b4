"""Starts Patroni with what Debian 12's version (3.0.2) lacks for a ledger.

Everything else is Patroni's own. Arguments are those of `patroni`.

1. The lease of a leader is renewed only while it is still his. That version reads who leads, and
   later overwrites the key whatever it says by then: a leader that was frozen in between takes the
   lease back from its successor, whose acknowledged commits are then rewound. Mended upstream in
   3.0.3: there ours stays out.
2. A primary that has lost its lease is no candidate until it has stepped down. Patroni lets it take
   a free lease without a promotion, and so without the promotion guard.
3. In a change of the leader that was asked for, the copies not concerned sleep two seconds before
   they follow the new one, which can commit nothing meanwhile; and the old leader looks once a
   second whether its Postgres has stopped. Writes pause for no longer than they must.
"""

import time

import patroni.ha
import patroni.postgresql
import patroni.postgresql.config
from patroni.dcs import etcd3
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
    # The members are asked once: one that is lost keeps each question waiting.
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
    change, restart = check_recovery_conf(self, member)
    if change and not restart and not self._postgresql.is_starting():
        received = self._postgresql.received_location() or 0
        replayed = self._postgresql.replayed_location() or 0
        restart = received // WAL_SEGMENT_SIZE > replayed // WAL_SEGMENT_SIZE
    return change, restart


patroni.postgresql.config.ConfigHandler.check_recovery_conf = check_recovery_conf_and_replay


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

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { findFreeBase } from '../../processes/ports.ts';
import { testFolder } from '../../testing/folder.ts';
import { whyNotReplicated } from '../../testing/replicated-profile.ts';
import { findPrograms } from './packages.ts';

/** What the launcher changes in Patroni, against a real etcd. */

const run = promisify(execFile);

/**
 * A leader whose lease has ended, whose view is as old as before it was frozen, and a successor
 * that has been elected meanwhile. Prints whether the old one considers itself the leader, then
 * who holds the lease.
 */
const thawed = `
import base64, sys
sys.path.insert(0, sys.argv[1])
import patroni_guarded
from patroni.dcs import etcd3

def member(name):
    return etcd3.Etcd3({'name': name, 'scope': 'book', 'namespace': '/test/', 'host': sys.argv[2],
                        'use_proxies': True, 'ttl': 30, 'loop_wait': 1, 'retry_timeout': 5})

old, new = member('old'), member('new')
assert old.attempt_to_acquire_leader()
old.get_cluster()
old._client.deleterange(old.leader_path)
assert new.attempt_to_acquire_leader()
old._lease, old._last_lease_refresh = None, 0
print(old._update_leader())
print(base64.b64decode(new._client.range(new.leader_path)['kvs'][0]['value']).decode())
`;

const skipped = whyNotReplicated() !== '';

/** Starts an etcd for one test; resolves to its HOST:PORT. */
async function startEtcd(): Promise<string> {
  const port = await findFreeBase(2);
  const client = `http://127.0.0.1:${port}`;
  const peer = `http://127.0.0.1:${port + 1}`;
  const urls = [
    ['--listen-client-urls', client],
    ['--advertise-client-urls', client],
    ['--listen-peer-urls', peer],
    ['--initial-advertise-peer-urls', peer],
    ['--initial-cluster', `default=${peer}`],
  ].flat();
  const folder = join(testFolder(), 'etcd');
  const server = spawn(findPrograms().etcd, ['--data-dir', folder, ...urls], { stdio: 'ignore' });
  onTestFinished(async () => {
    server.kill('SIGKILL');
    await once(server, 'exit');
  });
  const healthy = () =>
    fetch(`${client}/health`).then(
      ({ ok }) => ok,
      () => false,
    );
  await expect.poll(healthy, { timeout: 20_000 }).toBe(true);
  return `127.0.0.1:${port}`;
}

/** Runs a program with the folder of the launcher as its first argument; the lines that it prints. */
async function python(program: string, ...args: string[]): Promise<string[]> {
  const { stdout } = await run(findPrograms().python, [
    // Without it what a program has printed is lost when it ends by os._exit.
    '-u',
    '-c',
    program,
    import.meta.dirname,
    ...args,
  ]);
  return stdout.trim().split('\n');
}

test.skipIf(skipped)(
  'a leader that was frozen does not take the lease back from its successor',
  async () => {
    expect(await python(thawed, await startEtcd())).toEqual(['False', 'new']);
  },
);

/**
 * Two members that are promoted one after the other, neither of which has seen the timeline of the
 * other. Prints what the promotion of each comes to, and the history files that it begins with:
 * the first on timeline 1, the second on timeline 1 too, the first where the second holds the
 * lease, and the second again on the timeline that it has got. Then what is left of the files of the
 * second once it follows another leader, and what was left as long as it did not.
 */
const promoted = `
import os, sys, tempfile
from types import SimpleNamespace
sys.path.insert(0, sys.argv[1])
import patroni_guarded
from patroni.dcs import etcd3
from patroni.ha import Ha
from patroni.postgresql.config import ConfigHandler

patroni_guarded.check_recovery_conf = lambda self, member: (False, False)

def member(name):
    dcs = etcd3.Etcd3({'name': name, 'scope': 'book', 'namespace': '/test/', 'host': sys.argv[2],
                       'use_proxies': True, 'ttl': 30, 'loop_wait': 1, 'retry_timeout': 5})
    postgresql = SimpleNamespace(
        name=name, wal_dir=tempfile.mkdtemp(), timeline=1, guarded=True, role='replica', cancellable=None)
    postgresql.get_replica_timeline = lambda: postgresql.timeline
    postgresql._pre_promote = lambda: postgresql.guarded
    return Ha(SimpleNamespace(postgresql=postgresql, dcs=dcs, watchdog=None))

def promote(ha):
    print(ha.state_handler._pre_promote(), sorted(os.listdir(ha.state_handler.wal_dir)))

first, second = member('first'), member('second')
assert first.dcs.attempt_to_acquire_leader()
promote(first)
first.dcs._client.deleterange(first.dcs.leader_path)
assert second.dcs.attempt_to_acquire_leader()
promote(second)
promote(first)
second.state_handler.guarded = False
promote(second)
config = SimpleNamespace(_postgresql=second.state_handler)
second.state_handler.role = 'master'
ConfigHandler.check_recovery_conf(config, None)
print(os.listdir(second.state_handler.wal_dir))
second.state_handler.role = 'replica'
ConfigHandler.check_recovery_conf(config, None)
print(os.listdir(second.state_handler.wal_dir))
with open(os.path.join(second.state_handler.wal_dir, '00000003.history'), 'w') as file:
    file.write('1\\t0/3000000\\tno recovery target specified\\n')
second.state_handler.timeline, second.state_handler.guarded = 3, True
promote(second)
os._exit(0)
`;

test.skipIf(skipped)('no two promotions take the same number of a timeline', async () => {
  expect(await python(promoted, await startEtcd())).toEqual([
    'True []',
    "True ['00000002.history']",
    'False []',
    "False ['00000002.history']",
    "['00000002.history']",
    '[]',
    "True ['00000003.history']",
  ]);
});

/**
 * Two copies of a book that need a rewind at the same time. Prints which rewinds have begun: after
 * the other one has tried during the first, after it has tried again when that was done, and after
 * it has tried once more when the first had died in its next rewind. Then whether a copy has been
 * rewound whose connection broke once.
 */
const rewound = `
import os, sys, threading, time
from types import SimpleNamespace
sys.path.insert(0, sys.argv[1])
from patroni.postgresql.rewind import Rewind

begun, go_on = [], threading.Event()

def execute(self, leader):
    begun.append(self._postgresql.name)
    if leader == 'slow':
        go_on.wait()

Rewind.execute = execute
failures = [True]
Rewind.pg_rewind = lambda self, source: not (failures and failures.pop())
import patroni_guarded
from patroni.dcs import etcd3
from patroni.ha import Ha

def member(name):
    dcs = etcd3.Etcd3({'name': name, 'scope': 'book', 'namespace': '/test/', 'host': sys.argv[2],
                       'use_proxies': True, 'ttl': 60, 'loop_wait': 1, 'retry_timeout': 5})
    postgresql = SimpleNamespace(name=name, cancellable=None, _pre_promote=None)
    return Ha(SimpleNamespace(postgresql=postgresql, dcs=dcs, watchdog=None))

def rewind_slowly(ha):
    expected = len(begun) + 1
    thread = threading.Thread(target=ha._rewind.execute, args=('slow',))
    thread.start()
    while len(begun) < expected:
        time.sleep(0.01)
    return thread

first, second = member('first'), member('second')
thread = rewind_slowly(first)
second._rewind.execute('quick')
print(*begun)
go_on.set()
thread.join()
second._rewind.execute('quick')
print(*begun)
go_on.clear()
rewind_slowly(first)
second._rewind.execute('quick')
first.dcs._client.call_rpc('/lease/revoke', {'ID': first.dcs._lease})
second._rewind.execute('quick')
print(*begun)
print(first._rewind.pg_rewind({}))
os._exit(0)
`;

test.skipIf(skipped)('one copy of a book is rewound at a time', async () => {
  expect(await python(rewound, await startEtcd())).toEqual([
    'first',
    'first second',
    'first second first second',
    'True',
  ]);
});

/** Prints how pg_rewind and pg_basebackup find the server at a port. */
const found = `
import sys
sys.path.insert(0, sys.argv[1])
import patroni_guarded
from patroni.postgresql.config import ConfigHandler

at = {'host': '127.0.0.1', 'port': sys.argv[2], 'user': 'postgres', 'dbname': 'postgres'}
print(ConfigHandler.format_dsn(None, at, True))
`;

test.skipIf(skipped)('a rewind does not wait for a leader that is silent', async () => {
  const silent = createServer(() => undefined);
  const port = await findFreeBase(1);
  silent.listen(port, '127.0.0.1');
  await once(silent, 'listening');
  onTestFinished(() => void silent.close());
  const [dsn = ''] = await python(found, String(port));
  expect(dsn).toMatch(/ keepalives_idle=\d keepalives_interval=\d keepalives_count=\d tcp_user/u);
  const psql = join(findPrograms().postgresBin, 'psql');
  const connecting = run(psql, [dsn, '--command', 'SELECT 1'], { timeout: 20_000 });
  await expect(connecting).rejects.toThrow(/timeout expired/u);
});

/**
 * A replica at position 100 of its timeline, and another one at 90 of timeline 2. Prints whether it
 * is a candidate on timeline 1 and on timeline 2. Then whether a replica is restarted to follow
 * another leader where replay is in the segment of what it has received, and where it is behind.
 */
const compared = `
import sys, tempfile
from types import SimpleNamespace
sys.path.insert(0, sys.argv[1])
from patroni.postgresql.config import ConfigHandler
ConfigHandler.check_recovery_conf = lambda self, member: (True, False)
import patroni_guarded
from patroni.ha import Ha, _MemberStatus

other = SimpleNamespace(name='other', nofailover=False, api_url='http://other')
status = _MemberStatus(other, True, True, 0, 2, 90, {}, False)

class Replica(Ha):
    def __init__(self, timeline):
        self.state_handler = SimpleNamespace(
            name='me', last_operation=lambda: 100, get_replica_timeline=lambda: timeline)
    is_standby_cluster = check_timeline = is_synchronous_mode = lambda self: False
    is_lagging = lambda self, position: False
    fetch_nodes_statuses = lambda self, members: [status]

print(*[Replica(timeline)._is_healthiest_node([other]) for timeline in (1, 2)])

def follows(received, replayed):
    postgres = SimpleNamespace(role='replica', wal_dir=tempfile.mkdtemp(),
                               is_starting=lambda: False, received_location=lambda: received,
                               replayed_location=lambda: replayed)
    return ConfigHandler.check_recovery_conf(SimpleNamespace(_postgresql=postgres), None)[1]

segment = 16 * 1024 ** 2
print(follows(2 * segment - 1, segment), follows(2 * segment, 2 * segment - 1), follows(None, segment))
`;

test.skipIf(skipped)(
  'a replica on an old timeline is not a candidate; one whose replay is behind is restarted',
  async () => {
    expect(await python(compared)).toEqual(['False True', 'False True False']);
  },
);

/**
 * Two threads that start Postgres at the same time; prints whether both have the same process. Then
 * whether a start after its end makes another one.
 */
const startedTwice = `
import os, sys, signal, tempfile, threading, time
sys.path.insert(0, sys.argv[1])
import patroni_guarded
from patroni.postgresql.postmaster import PostmasterProcess

folder = tempfile.mkdtemp()
command = os.path.join(folder, 'postgres')
with open(command, 'w') as file:
    file.write('#!/bin/sh\\nexec sleep 60\\n')
os.chmod(command, 0o755)
pids = []

def start():
    pids.append(PostmasterProcess.start(command, folder, 'postgresql.conf', []).pid)

threads = [threading.Thread(target=start) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(set(pids)))
os.kill(pids[0], signal.SIGKILL)
time.sleep(0.5)
start()
print(len(set(pids)))
os.kill(pids[-1], signal.SIGKILL)
`;

/**
 * Folders with the real history of timeline 4 and the placeholder of 5. Prints the history files with
 * which Postgres is started: as a copy, as a primary, and as a copy that has timeline 6 as well.
 */
const startedWithHistory = `
import os, sys, tempfile
sys.path.insert(0, sys.argv[1])
import patroni_guarded
from patroni.postgresql.postmaster import PostmasterProcess

def start(*names):
    folder = tempfile.mkdtemp()
    wal_dir = os.path.join(folder, 'pg_wal')
    os.mkdir(wal_dir)
    command = os.path.join(folder, 'postgres')
    for name, text in (('postgres', '#!/bin/sh\\nexit 0\\n'),
                       ('pg_wal/00000004.history', '1\\t0/3000000\\tno recovery target specified\\n'),
                       ('pg_wal/00000005.history', patroni_guarded.PLACEHOLDER),
                       *((name, '4\\t0/9000000\\tno recovery target specified\\n') for name in names)):
        with open(os.path.join(folder, name), 'w') as file:
            file.write(text)
    os.chmod(command, 0o755)
    PostmasterProcess.start(command, folder, 'postgresql.conf', [])
    print(*(name[7] for name in sorted(os.listdir(wal_dir))))

start('standby.signal')
start()
start('standby.signal', 'pg_wal/00000006.history')
`;

test.skipIf(skipped)(
  'a copy does not start on the timeline of a promotion that failed',
  async () => {
    expect(await python(startedWithHistory)).toEqual(['4', '4 5', '4 5 6']);
  },
);

test.skipIf(skipped)('Postgres is started once, however many threads start it', async () => {
  expect(await python(startedTwice)).toEqual(['1', '2']);
});

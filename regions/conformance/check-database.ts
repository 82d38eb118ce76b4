import { migrate } from '../../ledger/store/postgres/migrate.ts';
import { connect } from '../../ledger/store/postgres/connect.ts';
import { BookSite } from './checks/book-site.ts';
import { LOAD_CHECKS } from './checks/load-checks.ts';
import { SCHEMA_CHECKS } from './checks/schema-checks.ts';
import { SERVER_CHECKS } from './checks/server-checks.ts';
import { checkStoreContract } from './checks/contract-tests.ts';
import { type DatabaseCheck, type Finding, reasonOf, runCheck } from './finding.ts';
import { OwnDatabase, withConnection } from './own-database.ts';

export interface Conformance {
  /** True: the database can hold books. */
  readonly holds: boolean;
  readonly findings: readonly Finding[];
  /** What of the run could not be removed, and is left to the operator; empty: nothing. */
  readonly left: string;
}

/** The database cannot be reached, or not as this role. */
export class NotReachable extends Error {
  override readonly name = 'NotReachable';
}

export interface ConformanceOptions {
  /** Of any database of the server, with the password. */
  readonly url: string;
  /** False: the tests of stores are left out. */
  readonly contract: boolean;
  /** Called with each finding as it is made, and with the name of what is checked next. */
  readonly onFinding: (finding: Finding) => void;
  readonly onCheck: (name: string) => void;
  readonly signal?: AbortSignal;
  /** How long rows are appended to measure the rate. Default: 5 s. */
  readonly loadMs?: number;
  /** How long one batch may take while partitions are added. Default: 1 s. */
  readonly pauseMs?: number;
}

/**
 * Checks whether a server can hold books. Everything that is written goes into a database of its
 * own, which is dropped in the end, as are the roles that were made.
 *
 * @throws NotReachable
 */
export async function checkDatabase(options: ConformanceOptions): Promise<Conformance> {
  const { url } = options;
  const server = connect(url, 1);
  const run = new Run(options);
  const own = new OwnDatabase(server, url);
  let left = '';
  try {
    await server`SELECT 1`.catch((error: unknown) => {
      throw new NotReachable(reasonOf(error), { cause: error });
    });
    for (const check of SERVER_CHECKS) await run.check(check, server);
    try {
      await checkBook(run, own, options);
    } finally {
      left = await own.drop().then(
        () => '',
        (error: unknown) => `${own.name} is left: ${reasonOf(error)}`,
      );
    }
  } finally {
    await server.end({ timeout: 2 });
  }
  return { holds: run.holds, findings: run.findings, left };
}

/** Checks one after the other, of which each builds on those before it. */
async function checkBook(run: Run, own: OwnDatabase, options: ConformanceOptions): Promise<void> {
  await run.step('a database of its own', async () => {
    await own.create();
    return { text: own.name };
  });
  await run.step('roles', async () => {
    const made = await own.makeRoles();
    return { text: made.length === 0 ? 'were there' : `${made.join(', ')} were made` };
  });
  await run.step('migrations', async () => {
    await migrate(own.url);
    return { text: await withConnection(own.url, migrationsIn) };
  });
  const site = run.stopped ? undefined : new BookSite(own, options.loadMs, options.pauseMs);
  try {
    for (const check of [...SCHEMA_CHECKS, ...LOAD_CHECKS]) {
      await run.step(check.name, () => {
        if (site === undefined) throw new Error('the schema is there by now');
        return check.run(site);
      });
    }
  } finally {
    await site?.close();
  }
  if (options.contract) {
    run.ends('store contract', run.stopped ? undefined : await checkStoreContract(own.url));
  }
}

async function migrationsIn(sql: ReturnType<typeof connect>): Promise<string> {
  const [row] = await sql<{ count: bigint; last: string }[]>`
    SELECT count(*) AS count, max(name) AS last FROM migration`;
  return `${row?.count} were applied, up to ${row?.last}`;
}

class Run {
  readonly findings: Finding[] = [];
  /** True: something that later checks build on is lacking. */
  stopped = false;
  readonly #options: ConformanceOptions;

  constructor(options: ConformanceOptions) {
    this.#options = options;
  }

  get holds(): boolean {
    return this.findings.every(({ verdict }) => verdict === 'passed' || verdict === 'advice');
  }

  /** Checks what nothing else builds on. */
  async check<Site>(check: DatabaseCheck<Site>, site: Site): Promise<Finding> {
    this.#options.signal?.throwIfAborted();
    this.#options.onCheck(check.name);
    const finding = await runCheck(check, site);
    this.#add(finding);
    return finding;
  }

  /** Checks what later steps build on: they are not checked once one has failed. */
  async step(name: string, run: DatabaseCheck<undefined>['run']): Promise<void> {
    if (this.stopped) return this.ends(name, undefined);
    const { verdict } = await this.check({ name, run }, undefined);
    if (verdict === 'lacks') this.stopped = true;
  }

  /** @param finding undefined: it was not checked, because of what was lacking before */
  ends(name: string, finding: Finding | undefined): void {
    const text = 'it builds on what is lacking';
    this.#add(finding ?? { check: name, verdict: 'not checked', text });
  }

  #add(finding: Finding): void {
    this.findings.push(finding);
    this.#options.onFinding(finding);
  }
}

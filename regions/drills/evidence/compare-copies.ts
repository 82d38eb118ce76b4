import type { MemberState } from '../../topology/state.ts';
import type { CopyFigures } from '../report.ts';
import { askCopy } from './read-back.ts';

interface CopyHead {
  readonly seq: number;
  /** Chain value of the last batch, in hex: it stands for all that came before. */
  readonly chain: string;
  readonly inRecovery: boolean;
}

/** Compares a replica with its primary; `chainThere` is the primary's at the replica's seq. */
export function judgeCopy(
  replica: { readonly seq: number; readonly chain: string },
  primarySeq: number,
  chainThere: string | undefined,
): Pick<CopyFigures, 'state' | 'text'> {
  if (replica.seq > primarySeq) {
    return { state: 'differs', text: `it is at ${replica.seq}, ahead of its primary` };
  }
  // An empty copy is a prefix of any journal.
  if (replica.seq === 0 || chainThere === replica.chain) {
    const behind = primarySeq - replica.seq;
    return { state: 'prefix', text: behind === 0 ? 'has all' : `${behind} rows behind` };
  }
  return { state: 'differs', text: `its chain value at ${replica.seq} is not the primary's` };
}

/** Compares all copies of a book with its primary. A copy that cannot be read is reported. */
export async function compareCopies(members: readonly MemberState[]): Promise<CopyFigures[]> {
  // Replicas are read first: the primary that is read after them has at least as much.
  const heads = await Promise.all(
    members.map(async (member) => ({ member, head: await settled(readHead(member.auditorUrl)) })),
  );
  const primaries = heads.filter(({ head }) => 'value' in head && !head.value.inRecovery);
  const [primary] = primaries;
  return Promise.all(
    heads.map(async ({ member, head }): Promise<CopyFigures> => {
      const named = { book: member.bookName, region: member.region };
      if (!('value' in head)) {
        return { ...named, role: 'unknown', seq: null, state: 'unread', text: head.why };
      }
      const { seq, chain, inRecovery } = head.value;
      const role = inRecovery ? 'replica' : 'primary';
      if (primaries.length !== 1 || primary === undefined) {
        const text = `${primaries.length} of the copies are primaries`;
        const state = primaries.length > 1 ? 'differs' : 'unread';
        return { ...named, role, seq, state, text };
      }
      const there = await settled(chainAt(primary.member.auditorUrl, seq));
      if (!('value' in there)) return { ...named, role, seq, state: 'unread', text: there.why };
      const judged = judgeCopy({ seq, chain }, there.value.seq, there.value.chain);
      return { ...named, role, seq, ...judged };
    }),
  );
}

async function settled<T>(promise: Promise<T>): Promise<{ value: T } | { why: string }> {
  try {
    return { value: await promise };
  } catch (error) {
    return { why: error instanceof Error ? error.message || error.name : String(error) };
  }
}

function readHead(url: string): Promise<CopyHead> {
  return askCopy(url, async (sql) => {
    const [row] = await sql<{ seq: bigint; chain: string; in_recovery: boolean }[]>`
      SELECT seq, encode(chain, 'hex') AS chain, pg_is_in_recovery() AS in_recovery FROM head`;
    if (row === undefined) throw new Error('it has no head row');
    return { seq: Number(row.seq), chain: row.chain, inRecovery: row.in_recovery };
  });
}

/** Chain value of the batch that ends at `seq`, and where the journal ends now. */
function chainAt(url: string, seq: number): Promise<{ seq: number; chain: string | undefined }> {
  return askCopy(url, async (sql) => {
    const [row] = await sql<{ seq: bigint; chain: string | null }[]>`
      SELECT seq, (SELECT encode(j.chain, 'hex') FROM journal j WHERE j.seq = ${seq}) AS chain
        FROM head`;
    if (row === undefined) throw new Error('its primary has no head row');
    return { seq: Number(row.seq), chain: row.chain ?? undefined };
  });
}

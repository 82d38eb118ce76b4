import { expect, onTestFinished, test } from 'vitest';
import { behind, notFound, unavailable } from '../../ledger/rpc/error.ts';
import { Leaders } from '../../ledger/rpc/leaders.ts';
import { GetAccountRequest } from '../../proto/gen/meridian/v1/account.ts';
import { ReadLevel, ReadOptions } from '../../proto/gen/meridian/v1/position.ts';
import { Books } from '../books/books.ts';
import { Forward } from '../books/forward.ts';
import { routerTuning } from '../router-tuning.ts';
import { Reads } from './reads.ts';
import { StandInServer } from '../testing/stand-in-server.ts';
import { insecureLinks } from '../../ledger/rpc/tls/credentials.ts';

/** STALE reads against copies on real sockets, as a router in ap-south makes them. */

const REGIONS = ['ap-south', 'us-east', 'eu-west'];
/** Which copy answered is seen by its seq. */
const [AP, US, EU] = [30n, 20n, 40n];

/** More than any answer takes: the next copy is asked only if one fails. */
const PATIENT_MS = 60_000;
/** Less than what a read takes that waits for patience or for its deadline. */
const AT_ONCE_MS = 20_000;

/** The reads of a copy that failed after `since`: it is asked last for two seconds, not longer. */
const whileLast = (since: number, reads: number) =>
  performance.now() - since < 1_900 ? reads : expect.any(Number);

async function fixture(patienceMs = PATIENT_MS) {
  const copies = await Promise.all(REGIONS.map((region) => new StandInServer(region).start()));
  const [ap, us, eu] = copies;
  if (ap === undefined || us === undefined || eu === undefined) throw new Error('there are three');
  ap.onRead = () => AP;
  us.onRead = () => US;
  eu.onRead = () => EU;
  eu.lead(1);
  const leaders = new Leaders(
    copies.map(({ address }) => address),
    insecureLinks,
    'ap-south',
  );
  onTestFinished(() => {
    leaders.close();
    for (const copy of copies) copy.stop();
  });
  const untilCopies = (count: number) =>
    expect.poll(() => leaders.copiesOf(1).length, { interval: 10 }).toBe(count);
  await untilCopies(3);
  const book = { number: 1, name: 'eu-west-1', region: 'eu-west' };
  const reads = new Reads(new Books([book]), new Forward(leaders, { ...routerTuning, patienceMs }));
  const read = async (level: ReadLevel, timeoutMs = 60_000) => {
    const options = ReadOptions.fromPartial({ level });
    const request = GetAccountRequest.fromPartial({ id: (1n << 48n) + 1n, options });
    const { position } = await reads.account(request, Date.now() + timeoutMs);
    return position?.seq;
  };
  return { ap, us, eu, untilCopies, read, close: () => leaders.close() };
}

const notLeading = () => unavailable('NOT_LEADER', 'this server does not lead', 100);

async function timed<T>(act: () => Promise<T>): Promise<[T, number]> {
  const began = performance.now();
  return [await act(), performance.now() - began];
}

test('the copy in the own region answers; other levels go to the leader', async () => {
  const { read, us, eu } = await fixture();
  expect(await read(ReadLevel.STALE)).toBe(AP);
  expect(us.reads + eu.reads).toBe(0);
  expect(await read(ReadLevel.LEADER)).toBe(EU);
  expect(await read(ReadLevel.LINEARIZABLE)).toBe(EU);
  expect(await read(ReadLevel.UNSPECIFIED)).toBe(EU);
});

test('a copy that cannot answer is passed over at once, the leader comes last', async () => {
  const { read, ap, us } = await fixture();
  ap.onRead = notLeading;
  expect(await read(ReadLevel.STALE)).toBe(US);
  us.onRead = () => unavailable('DATABASE', 'the database cannot be reached', 200);
  const [seq, tookMs] = await timed(() => read(ReadLevel.STALE));
  expect(seq).toBe(EU);
  expect(tookMs).toBeLessThan(AT_ONCE_MS);
});

test('a silent copy costs its patience once, then it is asked last for a while', async () => {
  const { read, ap } = await fixture(400);
  ap.onRead = undefined;
  const since = performance.now();
  const [seq, tookMs] = await timed(() => read(ReadLevel.STALE));
  // On a busy machine the second may take as long, and the third answers.
  expect([US, EU]).toContain(seq);
  expect(tookMs).toBeGreaterThan(300);
  expect(tookMs).toBeLessThan(AT_ONCE_MS);
  expect([US, EU]).toContain(await read(ReadLevel.STALE));
  expect(ap.reads).toEqual(whileLast(since, 1));
});

test('a copy that cannot answer is asked once, then last for a while; one that is behind is not', async () => {
  const { read, ap, us } = await fixture();
  ap.onRead = () => behind('eu-west-1', AP, 99n);
  for (let again = 0; again < 5; again += 1) expect(await read(ReadLevel.STALE)).toBe(US);
  expect(ap.reads).toBe(5);
  const since = performance.now();
  ap.onRead = () => unavailable('DATABASE', 'the database cannot be reached', 200);
  for (let again = 0; again < 5; again += 1) expect(await read(ReadLevel.STALE)).toBe(US);
  expect(ap.reads).toEqual(whileLast(since, 6));
  us.onRead = notLeading;
  expect(await read(ReadLevel.STALE)).toBe(EU);
});

test('a copy whose connection was replaced while others were asked is asked by the new one', async () => {
  const { read, ap, us } = await fixture(5_000);
  ap.onRead = undefined;
  const answer = read(ReadLevel.STALE);
  // Its connections are closed, and opened again, after three seconds without a report.
  us.reports = false;
  us.hangUp();
  const [seq, tookMs] = await timed(() => answer);
  expect([US, EU]).toContain(seq);
  expect(us.reads).toBe(1);
  expect(tookMs).toBeLessThan(AT_ONCE_MS);
});

test('a read that goes on when the router closes ends without another call', async () => {
  const { read, ap, us, eu, close } = await fixture(300);
  ap.onRead = undefined;
  us.onRead = undefined;
  eu.onRead = undefined;
  const answer = read(ReadLevel.STALE, 1_200);
  close();
  await expect(answer).rejects.toThrow('eu-west-1 does not answer');
  expect(us.reads + eu.reads).toBe(0);
});

test('without a leader any copy answers, and other levels time out', async () => {
  const { read, ap, eu, untilCopies } = await fixture();
  eu.stop();
  await untilCopies(2);
  expect(await read(ReadLevel.STALE)).toBe(AP);
  ap.stop();
  await untilCopies(1);
  expect(await read(ReadLevel.STALE)).toBe(US);
  await expect(read(ReadLevel.LEADER, 500)).rejects.toThrow('does not answer');
});

test('if every copy is behind, the newest reports how far; if one is not, it answers', async () => {
  const { read, ap, us, eu } = await fixture();
  ap.onRead = () => behind('eu-west-1', AP, 99n);
  us.onRead = () => behind('eu-west-1', US, 99n);
  expect(await read(ReadLevel.STALE)).toBe(EU);
  eu.onRead = () => behind('eu-west-1', EU, 99n);
  const [, tookMs] = await timed(() =>
    expect(read(ReadLevel.STALE)).rejects.toThrow('eu-west-1 is at 40 and has not reached 99 yet'),
  );
  expect(tookMs).toBeLessThan(AT_ONCE_MS);
  // The copy that is out of order may have reached the position: it is asked until time is up.
  eu.onRead = notLeading;
  setTimeout(() => {
    eu.onRead = () => EU;
  }, 400);
  expect(await read(ReadLevel.STALE)).toBe(EU);
});

test('what every copy would answer is not asked twice', async () => {
  const { read, ap, us, eu } = await fixture();
  ap.onRead = () => notFound('ACCOUNT_NOT_FOUND', 'there is no account 1');
  await expect(read(ReadLevel.STALE)).rejects.toThrow('there is no account 1');
  expect(us.reads + eu.reads).toBe(0);
});

test('a read held by a silent leader goes to its successor as soon as that is known', async () => {
  const { read, us, eu } = await fixture();
  eu.onRead = undefined;
  setTimeout(() => us.lead(2), 300);
  const [seq, tookMs] = await timed(() => read(ReadLevel.LINEARIZABLE));
  expect(seq).toBe(US);
  expect(tookMs).toBeLessThan(AT_ONCE_MS);
});

test('a read that no copy answers ends with the deadline', async () => {
  const { read, ap, us, eu } = await fixture();
  ap.onRead = undefined;
  us.onRead = undefined;
  eu.onRead = undefined;
  const [, tookMs] = await timed(() =>
    expect(read(ReadLevel.STALE, 1_200)).rejects.toThrow('eu-west-1 does not answer'),
  );
  expect(tookMs).toBeLessThan(AT_ONCE_MS);
});

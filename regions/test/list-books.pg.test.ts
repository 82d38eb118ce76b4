import { expect, onTestFinished, test, vi } from 'vitest';
import type { ListBooksResponse } from '../../proto/gen/meridian/v1/book.ts';
import { Api } from './api-client.ts';
import { RestorableBooks } from './restorable-books.ts';

const HOUR_MS = 3_600_000;
const WAIT = { timeout: 20_000, interval: 50 };
const realNow = Date.now.bind(Date);

test('the books are listed with their leaders, and with a clock that has jumped', async () => {
  const books = await RestorableBooks.start(2);
  const api = new Api(books.routerAddress);
  onTestFinished(async () => {
    vi.restoreAllMocks();
    api.close();
    await books.stop();
  });
  const listed = async () => {
    const response = await api.call<ListBooksResponse>((stub, ...rest) =>
      stub.listBooks({}, ...rest),
    );
    return response.books;
  };
  const alarms = async () => (await listed()).map(({ clockAlarm }) => clockAlarm);
  const eu = { number: 1, name: 'eu-west-1', homeRegion: 'eu-west' };
  const us = { number: 2, name: 'us-east-1', homeRegion: 'us-east' };
  await expect.poll(listed, WAIT).toEqual([
    { ...eu, epoch: 1n, leaderRegion: 'eu-west', clockAlarm: '' },
    { ...us, epoch: 1n, leaderRegion: 'us-east', clockAlarm: '' },
  ]);
  vi.spyOn(Date, 'now').mockImplementation(() => realNow() + HOUR_MS);
  const said = expect.stringContaining('the wall clock is about 60 min ahead of the time');
  await expect.poll(alarms, WAIT).toEqual([said, said]);
  vi.restoreAllMocks();
  await expect.poll(alarms, WAIT).toEqual(['', '']);
  // A book without a leader is listed as well.
  await books.stopBook(2);
  await expect
    .poll(async () => (await listed())[1], WAIT)
    .toEqual({ ...us, epoch: 0n, leaderRegion: '', clockAlarm: '' });
});

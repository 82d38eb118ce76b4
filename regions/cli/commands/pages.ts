import type { Command } from 'commander';

import { type ConnectionOptions, parseWhole } from '../connection.ts';
import { Progress } from '../../terminal/progress.ts';

const PAGE_SIZE_MAX = 1_000;

/** Options of every command whose list may be long. */
export interface PageOptions extends ConnectionOptions {
  readonly limit: number;
  readonly newest?: boolean;
}

export function withPageOptions(command: Command): Command {
  return command
    .option('--newest', 'newest first')
    .option('--limit <count>', 'maximum number of rows', parseWhole(1, 1_000_000), 100);
}

/** The parameters of the request for a page. */
export interface PageRequest {
  readonly pageSize: number;
  readonly pageToken: string;
  readonly newestFirst: boolean;
}

interface Page<T> {
  readonly items: readonly T[];
  /** Empty on the last page. */
  readonly nextPageToken: string;
}

interface Gathered<T> {
  readonly items: readonly T[];
  /** False: there is more than the limit. */
  readonly complete: boolean;
}

/** Reads page after page up to the limit, and shows how far it is. `unit` as in "entries". */
export async function gather<T>(
  unit: string,
  { limit, newest }: PageOptions,
  read: (page: PageRequest) => Promise<Page<T>>,
): Promise<Gathered<T>> {
  const progress = new Progress('Read', unit);
  const items: T[] = [];
  let pageToken = '';
  try {
    do {
      const pageSize = Math.min(PAGE_SIZE_MAX, limit - items.length);
      const page = await read({ pageSize, pageToken, newestFirst: newest === true });
      items.push(...page.items);
      pageToken = page.nextPageToken;
      // A result that fits one page needs no progress.
      if (limit > PAGE_SIZE_MAX && pageToken !== '') progress.update(items.length, limit);
    } while (pageToken !== '' && items.length < limit);
  } finally {
    progress.stop();
  }
  return { items, complete: pageToken === '' };
}

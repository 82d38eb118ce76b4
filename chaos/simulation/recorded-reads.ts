import type { Position, ReadOptions } from '../../proto/gen/meridian/v1/position.ts';
import { ReadLevel } from '../../proto/gen/meridian/v1/position.ts';

/** What a reader asks of a book. */
export type AskedRead =
  | { readonly kind: 'account'; readonly id: bigint }
  | { readonly kind: 'entries'; readonly account: bigint; readonly newestFirst: boolean }
  | { readonly kind: 'transfer'; readonly id: string }
  | { readonly kind: 'transfers'; readonly account: bigint };

/** Items of a page of entries or transfers. */
export const PAGE = 20;

/** What is found, as the API has it, and the position that comes with it. */
export interface ReadAnswer {
  readonly found: unknown;
  readonly position: Position | undefined;
}

/** A read of a reader: it may get no answer. */
export interface RecordedRead {
  readonly book: number;
  readonly asked: AskedRead;
  readonly options: ReadOptions;
  readonly invokedAt: number;
  readonly answers: { readonly at: number; readonly answer: ReadAnswer }[];
}

/** Values that have the same text are the same. */
export const textOf = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? `${part}n` : part)) ?? '';

const LEVELS = new Map<number, string>(
  Object.entries(ReadLevel).map(([name, level]) => [level, name]),
);

/** The history of one read, line by line. */
export function describeRead({ book, asked, options, invokedAt, answers }: RecordedRead): string[] {
  const { level, minPosition } = options;
  const least = minPosition === undefined ? '' : ` not before seq ${minPosition.seq}`;
  return [
    `${textOf(asked)} of book ${book} at level ${LEVELS.get(level)}${least}, ` +
      `asked at ${invokedAt.toFixed(1)}`,
    ...answers.map(
      ({ at, answer: { position, found } }) =>
        `  answered at ${at.toFixed(1)}: epoch ${position?.epoch}, seq ${position?.seq}: ` +
        textOf(found).slice(0, 300),
    ),
  ];
}

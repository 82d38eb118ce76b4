import type { PartName } from '../profile.ts';

/** The parts that can be compared. The others have nothing of the commit in them. */
export const comparedParts = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'] as const;
export type ComparedPart = (typeof comparedParts)[number];

/** Why a part cannot be compared at all. */
export const incomparable: Readonly<Record<Exclude<PartName, ComparedPart>, string>> = {
  baseline: 'a conventional ledger has nothing of Meridian in it',
  replica: 'the copies are those of this checkout',
};

/** One figure of a part that is compared. */
export interface ComparedFigure {
  readonly part: ComparedPart;
  readonly name: string;
  readonly unit: 'perSecond' | 'ms' | 'micros' | 'bytes' | 'mebibytes';
  /** True: a ratio below the bound is a regression. The others explain it. */
  readonly judged: boolean;
}

export const comparedFigures = {
  a: { part: 'a', name: 'a', unit: 'perSecond', judged: true },
  b: { part: 'b', name: 'b', unit: 'perSecond', judged: true },
  ledgerMicros: { part: 'b', name: 'b: ledger server', unit: 'micros', judged: false },
  routerMicros: { part: 'b', name: 'b: router', unit: 'micros', judged: false },
  postgresMicros: { part: 'b', name: 'b: Postgres', unit: 'micros', judged: false },
  walBytes: { part: 'b', name: 'b: WAL', unit: 'bytes', judged: false },
  c: { part: 'c', name: 'c', unit: 'perSecond', judged: true },
  d: { part: 'd', name: 'd: p50 at 1,000/s', unit: 'ms', judged: true },
  dTail: { part: 'd', name: 'd: p99 at 1,000/s', unit: 'ms', judged: false },
  e: { part: 'e', name: 'e', unit: 'perSecond', judged: true },
  f: { part: 'f', name: 'f', unit: 'mebibytes', judged: true },
  g: { part: 'g', name: 'g', unit: 'perSecond', judged: true },
  hFrames: { part: 'h', name: 'h: frames', unit: 'perSecond', judged: true },
  hLibrary: { part: 'h', name: 'h: client library', unit: 'perSecond', judged: true },
  iFirst: { part: 'i', name: 'i: first rows', unit: 'perSecond', judged: true },
  iLast: { part: 'i', name: 'i: last rows', unit: 'perSecond', judged: true },
} as const satisfies Readonly<Record<string, ComparedFigure>>;

export type FigureName = keyof typeof comparedFigures;

/** True: less is better. */
export const isLessBetter = (unit: ComparedFigure['unit']): boolean => unit !== 'perSecond';

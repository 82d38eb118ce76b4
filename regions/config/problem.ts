/** What is wrong with a configuration. */

export interface Problem {
  /** Such as books[1].region or settings.ledger.batchItems; '' for the whole file. */
  readonly path: string;
  /** Line of the file, from 1; undefined: the problem is not in a file. */
  readonly line: number | undefined;
  /** A sentence without its subject, such as "must be 1 to 32767". */
  readonly message: string;
}

/** A problem as a line: "meridian.yaml:12: books[1].region: there is no region eu-wst". */
export function problemText({ path, line, message }: Problem, file: string | undefined): string {
  const place = line === undefined || file === undefined ? [] : [`${file}:${line}`];
  return [...place, ...(path === '' ? [] : [path]), message].join(': ');
}

/** A configuration that cannot be used, with everything that is wrong with it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly file: string | undefined;
  readonly problems: readonly Problem[];

  constructor(file: string | undefined, problems: readonly Problem[]) {
    const lines = problems.map((problem) => problemText(problem, file));
    super(`the configuration is wrong\n  ${lines.join('\n  ')}`);
    this.file = file;
    this.problems = problems;
  }
}

/** A configuration file that was named and cannot be read. */
export class UnreadableConfigError extends ConfigError {}

/** `; did you mean eu-west?` for the name that is close enough to `name`, else ''. */
export function suggestion(name: string, known: readonly string[]): string {
  const ranked = known
    .map((candidate) => ({ candidate, distance: editDistance(name, candidate) }))
    .toSorted((a, b) => a.distance - b.distance);
  const [best] = ranked;
  if (best === undefined || best.distance > Math.max(2, name.length / 3)) return '';
  return `; did you mean ${best.candidate}?`;
}

/** Letters to insert, remove or replace until `from` is `to`, capital letters aside. */
function editDistance(from: string, to: string): number {
  const source = from.slice(0, 100).toLowerCase();
  const target = to.toLowerCase();
  let above = Array.from({ length: target.length + 1 }, (_, index) => index);
  for (const [row, letter] of source.split('').entries()) {
    const current = [row + 1];
    for (let column = 1; column <= target.length; column += 1) {
      const replaced = (above[column - 1] ?? 0) + (target[column - 1] === letter ? 0 : 1);
      current.push(Math.min(replaced, (above[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    above = current;
  }
  return above[target.length] ?? source.length;
}

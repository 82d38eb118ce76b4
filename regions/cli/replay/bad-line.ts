/** What can be wrong with a line of a replay file. The names are part of the output. */
export type BadLineCode =
  | 'line_too_long'
  | 'not_utf8'
  | 'quote_malformed'
  | 'wrong_column_count'
  | 'text_empty'
  | 'text_too_long'
  | 'text_has_control_characters'
  | 'account_name_reserved'
  | 'account_twice'
  | 'account_unknown'
  | 'asset_malformed'
  | 'may_overdraw_malformed'
  | 'date_malformed'
  | 'amount_malformed'
  | 'amount_not_positive'
  | 'amount_too_large'
  | 'same_account_twice'
  | 'asset_differs';

/** A line that cannot be made into a request. */
export interface BadLine {
  readonly file: string;
  /** Number of the line in its file; the header is line 1. */
  readonly line: number;
  readonly error: BadLineCode;
  /** What was found, for people. */
  readonly detail: string;
}

/** Thrown while one line is read, and caught where lines are counted. */
export class BadLineError extends Error {
  readonly error: BadLineCode;

  constructor(error: BadLineCode, detail: string) {
    super(detail);
    this.name = 'BadLineFault';
    this.error = error;
  }
}

/** A file that cannot be used at all: absent, unreadable, empty or with the wrong header. */
export class BadFileError extends Error {
  override readonly name = 'BadFileError';
}

/** An error that the database reports, as the driver raises it. */
export class PostgresError extends Error {
  override readonly name = 'PostgresError';
  /** SQLSTATE. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** A connection error, as the driver raises it. */
export class ConnectionError extends Error {
  readonly code: string;

  constructor(code: string) {
    super(`the connection is gone: ${code}`);
    this.code = code;
  }
}

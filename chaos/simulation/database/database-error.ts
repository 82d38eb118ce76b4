/** An error that the database reports, as the driver gives it. */
export class PostgresError extends Error {
  override readonly name = 'PostgresError';
  /** SQLSTATE. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** An error of the way to the database, as the driver gives it. */
export class ConnectionError extends Error {
  readonly code: string;

  constructor(code: string) {
    super(`the connection is gone: ${code}`);
    this.code = code;
  }
}

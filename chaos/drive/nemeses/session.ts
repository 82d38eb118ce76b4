import postgres from 'postgres';

export type Session = postgres.Sql;

/** One connection to a database, opened by its first query. */
export function openSession(url: string): Session {
  return postgres(url, {
    max: 1,
    connect_timeout: 5,
    fetch_types: false,
    max_lifetime: null,
    onnotice: () => {},
    connection: { application_name: 'chaos' },
  });
}

/** Ends it in any state; never throws. */
export async function closeSession(session: Session | undefined): Promise<void> {
  await session?.end({ timeout: 0 }).catch(() => {});
}

/** Runs one query in a session of its own. */
export async function once<T>(url: string, ask: (session: Session) => Promise<T>): Promise<T> {
  const session = openSession(url);
  try {
    return await ask(session);
  } finally {
    await closeSession(session);
  }
}

/**
 * What may be under way on a connection, and on a stream of it, before its reader has taken any. A
 * batch of 4,000 transfers has 400 kB: with the 64 KiB of Node it would need seven round trips to a
 * book in another region.
 */
export const WINDOW_BYTES = 1024 * 1024;

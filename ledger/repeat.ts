/**
 * Does something again and again, each time a pause after it was done last. The process may end in
 * between. Returns how to stop it.
 *
 * @param act never rejects
 */
export function repeat(pauseMs: number, act: () => Promise<void>): () => void {
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;
  const next = () => {
    timer = setTimeout(() => {
      void act().finally(() => {
        if (!isStopped) next();
      });
    }, pauseMs).unref();
  };
  next();
  return () => {
    isStopped = true;
    clearTimeout(timer);
  };
}

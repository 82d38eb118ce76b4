import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { childEnvironment } from '../../regions/processes/environment.ts';
import {
  isReplyMessage,
  type Job,
  type JobMessage,
  type LoadResult,
  type ReplyMessage,
} from '../load/job.ts';
import { profileFolder } from '../profiled/processor-profile.ts';

/**
 * A process that makes load, separate from the system under test and from the benchmark itself: its
 * cost is seen as its own, and a pause of one is not mistaken for a pause of the other.
 */
export class LoadProcess {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (reply: ReplyMessage) => void>();
  #jobs = 0;
  #ended = '';

  /**
   * @param dataDir that of the installation that is measured
   * @param processorProfile write a processor profile of it when it ends
   */
  constructor(dataDir: string, processorProfile: boolean) {
    const profile = ['--cpu-prof', '--cpu-prof-dir', profileFolder];
    this.#child = fork(join(import.meta.dirname, '..', 'load', 'process.ts'), [dataDir], {
      execArgv: ['--disable-warning=ExperimentalWarning', ...(processorProfile ? profile : [])],
      env: childEnvironment(),
      // Amounts are bigint, account ids travel as typed arrays: JSON would carry neither.
      serialization: 'advanced',
    });
    this.#child.on('message', (message) => {
      if (isReplyMessage(message)) this.#settle(message);
    });
    this.#child.on('exit', (code, signal) => {
      this.#ended = `the load process ended (${signal ?? `exit code ${code}`})`;
      for (const number of this.#waiting.keys()) this.#settle({ number, error: this.#ended });
    });
    this.#child.on('error', () => undefined);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** @throws Error if the job fails or the process ends */
  run(job: Job): Promise<LoadResult> {
    this.#jobs += 1;
    const message: JobMessage = { number: this.#jobs, job };
    return new Promise((resolve, reject) => {
      if (this.#ended !== '') {
        reject(new Error(this.#ended));
        return;
      }
      this.#waiting.set(message.number, (reply) => {
        if ('result' in reply) resolve(reply.result);
        else reject(new Error(reply.error));
      });
      this.#child.send(message);
    });
  }

  /** Ends the process; a job that runs fails. */
  stop(): void {
    if (this.#child.connected) this.#child.disconnect();
  }

  #settle(reply: ReplyMessage): void {
    const waiting = this.#waiting.get(reply.number);
    this.#waiting.delete(reply.number);
    waiting?.(reply);
  }
}

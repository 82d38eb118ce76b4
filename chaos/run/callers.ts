import { setTimeout as sleep } from 'node:timers/promises';
import type { RegionName } from '../../regions/topology/layout.ts';
import { ChangeAccountRequest, OpenAccountRequest } from '../../proto/gen/meridian/v1/account.ts';
import { CreateTransferRequest } from '../../proto/gen/meridian/v1/transfer.ts';
import { AuditorViews } from '../drive/client/auditor-views.ts';
import type { CallFaults } from '../drive/client/call-faults.ts';
import { FaultyCalls } from '../drive/client/call-interceptor.ts';
import type { Caller } from '../drive/client/caller.ts';
import { type CallerParts, RecordedCaller } from '../drive/client/recorded-caller.ts';
import { Routers } from '../drive/client/routers.ts';
import type { HistoryRecorder } from '../judge/history/recorder.ts';
import type { Installation } from '../drive/installation/installation.ts';
import { Random } from '../../ledger/core/random.ts';
import type { RunPlan } from './plan.ts';

/** All clients of one run: their calls are recorded, and subject to call faults. */
export class RunCallers {
  readonly #recorder: HistoryRecorder;
  readonly #parts: CallerParts;
  readonly #plain: Routers;
  readonly #faulty: FaultyCalls;

  constructor(
    installation: Installation,
    plan: RunPlan,
    recorder: HistoryRecorder,
    faults: CallFaults,
  ) {
    this.#recorder = recorder;
    const { copies } = installation;
    const { regions } = installation.state();
    const addresses = regions.map(({ name, routerAddress }) => ({
      region: name,
      address: routerAddress,
    }));
    this.#plain = new Routers(addresses);
    const random = new Random(plan.seed + 3);
    this.#faulty = new FaultyCalls(faults, random, {
      routers: regions.map(({ name }) => name),
      client: (router) => this.#plain.of(router).stub,
      recorded: (router, path, request) => this.#ask(router, path, request),
    });
    const interceptors = regions.map(
      ({ name }) => [name, [this.#faulty.interceptor(name)]] as const,
    );
    this.#parts = {
      routers: new Routers(addresses, new Map(interceptors)),
      views: new AuditorViews(copies),
      copies,
      deadlineMs: plan.deadlineMs,
    };
  }

  /** A new client of this region's router. */
  caller(via: RegionName): Caller {
    return new RecordedCaller(this.#parts, this.#recorder.client(), via);
  }

  /** One call of a new client, without call faults. */
  #ask(router: RegionName, path: string, request: Buffer): Promise<unknown> {
    const parts = { ...this.#parts, routers: this.#plain };
    const caller = new RecordedCaller(parts, this.#recorder.client(), router);
    if (path.endsWith('/CreateTransfer')) {
      return caller.transfer(CreateTransferRequest.decode(request));
    }
    return path.endsWith('/ChangeAccount')
      ? caller.change(ChangeAccountRequest.decode(request))
      : caller.open(OpenAccountRequest.decode(request));
  }

  /** Waits until no abandoned call is under way any more. Returns false if that takes too long. */
  async lateCallsEnd(timeoutMs: number): Promise<boolean> {
    const giveUpAt = performance.now() + timeoutMs;
    while (this.#faulty.pending > 0) {
      if (performance.now() > giveUpAt) return false;
      await sleep(200);
    }
    return true;
  }

  async close(): Promise<void> {
    this.#faulty.close();
    this.#parts.routers.close();
    this.#plain.close();
    await this.#parts.views.close();
  }
}

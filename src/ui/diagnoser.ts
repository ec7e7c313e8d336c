import { advance, beginDiagnosis, type Diagnosis, type DiagnosisEvent, type DiagnosisFact } from '../core/diagnosis.ts';
import { toFailure } from '../core/failure.ts';
import type { Forward } from '../core/forward.ts';
import { isThroughSsh, listensOnServer } from '../core/forwardSpec.ts';
import type { HttpCheck } from '../core/healthCheck.ts';
import { boundOf, runsElsewhere } from '../core/forwardState.ts';
import { onDispose, type Disposable } from '../core/lifecycle.ts';
import type { Clock } from '../core/ports.ts';
import type { SshTarget } from '../core/sshTarget.ts';
import { connectPole, listenPole, type Preparation } from './forwardRunner.ts';
import type { PlaneHost } from './planeHost.ts';

/** What a start decides and finds out that a diagnosis needs, too. */
export type DiagnosisPreparation = Pick<Preparation, 'allowBind' | 'resolveTarget' | 'explain'>;

/** Walks the ladder of a forward: what is decided here, then what the plane finds out over an SSH connection of its own. */
export class Diagnoser {
  readonly #host: Pick<PlaneHost, 'request' | 'onEvent'>;
  readonly #preparation: DiagnosisPreparation;
  readonly #clock: Clock;
  #count = 0;

  constructor(host: Pick<PlaneHost, 'request' | 'onEvent'>, preparation: DiagnosisPreparation, clock: Clock) {
    this.#host = host;
    this.#preparation = preparation;
    this.#clock = clock;
  }

  /** Tells every step as it comes, and gives the last; the forward itself is left alone. Never rejects. */
  async run(forward: Forward, onChange: (diagnosis: Diagnosis) => void, signal: AbortSignal): Promise<Diagnosis> {
    let diagnosis = beginDiagnosis(forward.definition.spec, this.#clock.now(), httpCheckOf(forward) !== undefined);
    onChange(diagnosis);
    const tell = (event: DiagnosisEvent): void => {
      const next = advance(diagnosis, event);
      if (next === diagnosis) return;
      diagnosis = next;
      onChange(diagnosis);
    };
    try {
      await this.#walk(forward, tell, signal);
      tell({ type: 'finished', at: this.#clock.now() });
    } catch (error) {
      const at = this.#clock.now();
      const failure = toFailure(error);
      const explained = signal.aborted ? failure : await this.#preparation.explain(failure, forward.definition).catch(() => failure);
      tell(signal.aborted ? { type: 'cancelled', at } : { type: 'failed', at, failure: explained });
    }
    return diagnosis;
  }

  async #walk(forward: Forward, tell: (event: DiagnosisEvent) => void, signal: AbortSignal): Promise<void> {
    const { definition, state } = forward;
    const { spec } = definition;
    const check = httpCheckOf(forward);
    const learn = (fact: DiagnosisFact): void => { tell({ type: 'fact', at: this.#clock.now(), fact }); };
    const bound = boundOf(state);
    const running = { isRunning: true, ...(runsElsewhere(state) ? { isElsewhere: true as const } : {}) };
    const isListening = bound !== undefined || runsElsewhere(state);
    if (!isListening) await this.#preparation.allowBind(definition, signal);
    const target = isThroughSsh(spec) ? await this.#preparation.resolveTarget(spec, signal) : undefined;
    if (target !== undefined) learn(configurationOf(target));
    if (bound !== undefined && !listensOnServer(spec)) learn({ kind: 'bindable', addresses: bound.addresses, ...running });
    signal.throwIfAborted();
    const id = `${definition.id}#${String(++this.#count)}`;
    const listening = this.#listen(id, tell, (hop) => {
      const [address] = bound?.addresses ?? [];
      if (listensOnServer(spec) && address !== undefined && hop + 1 === target?.hops.length) learn({ kind: 'granted', address, ...running });
    });
    try {
      const request = { id, forwardId: definition.id, listen: listenPole(spec), connect: connectPole(spec, target), isListening, ...(check === undefined ? {} : { healthCheck: check }) };
      await this.#host.request('diagnose', target === undefined ? request : { ...request, target }, signal);
    } finally {
      listening.dispose();
    }
  }

  /** `onLogin` is called for each hop that let the user in. */
  #listen(id: string, tell: (event: DiagnosisEvent) => void, onLogin: (hop: number) => void): Disposable {
    const subscription = this.#host.onEvent((event) => {
      if (event.name !== 'diagnosis' || event.payload.id !== id) return;
      const { at, hop, fact } = event.payload;
      tell({ type: 'fact', at, fact, ...(hop === undefined ? {} : { hop }) });
      if (fact.kind === 'logged-in' && hop !== undefined) onLogin(hop);
    });
    return onDispose(() => { subscription.dispose(); });
  }
}

/** One that only connects asks nothing that the ladder does not. */
function httpCheckOf({ definition: { healthCheck } }: Forward): HttpCheck | undefined {
  return healthCheck?.kind === 'http' ? healthCheck : undefined;
}

function configurationOf({ hops }: SshTarget): DiagnosisFact {
  return {
    kind: 'configured',
    hops: hops.map(({ name, host, port, user, proxyCommand }) => ({ name, host, port, user, hasProxyCommand: proxyCommand !== undefined })),
  };
}

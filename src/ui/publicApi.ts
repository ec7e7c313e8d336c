import { randomUUID } from 'node:crypto';
import type { ConnectionInfo, CulvertApi, CulvertError, EnsuredForward, ForwardInfo, ForwardRequest } from '../api.ts';
import { isSocketPath } from '../core/address.ts';
import { ForwardError, type Failure } from '../core/failure.ts';
import type { Connection, Forward, ForwardDefinition } from '../core/forward.ts';
import { isForwardLoop } from '../core/forwardConflict.ts';
import { readEntries } from '../core/forwardEntry.ts';
import type { ForwardModel } from '../core/forwardModel.ts';
import { parseForward } from '../core/forwardParser.ts';
import { boundOf, failureOf, isActive, isUsable, runsElsewhere, whereItRuns } from '../core/forwardState.ts';
import { formatForward, quoted } from '../core/forwardText.ts';
import { onDispose } from '../core/lifecycle.ts';
import { explain } from './messages.ts';
import { localEnd } from './present.ts';

export interface ApiOptions {
  readonly model: ForwardModel;
  /** The aliases of ssh_config, to read `db:5432` as the user would mean it. */
  readonly sshHosts: () => Promise<ReadonlySet<string>>;
  readonly connections: (id: string) => Promise<readonly Connection[]>;
  /** Has another window stop what runs there. */
  readonly stopElsewhere: (id: string) => Promise<boolean>;
}

type Asked = Pick<ForwardDefinition, 'name' | 'spec' | 'healthCheck'>;

/** What `activate()` gives to other extensions. */
export class PublicApi implements CulvertApi {
  readonly apiVersion = 1;
  readonly #options: ApiOptions;
  /** How many callers hold each forward that the API made or started. */
  readonly #holders = new Map<string, number>();

  constructor(options: ApiOptions) {
    this.#options = options;
  }

  get forwards(): readonly ForwardInfo[] {
    return this.#options.model.forwards.map(infoOf);
  }

  readonly onDidChangeForwards = (listener: () => void): { dispose(): void } => this.#options.model.onDidChange((change) => {
    if (change.kind !== 'traffic') listener();
  });

  readonly ensureForward = async (request: string | ForwardRequest): Promise<EnsuredForward> => {
    const { model } = this.#options;
    const definition = this.#define(await this.#read(request));
    const { id } = definition;
    if (model.get(id) === undefined) model.put(definition);
    this.#holders.set(id, (this.#holders.get(id) ?? 0) + 1);
    const hold = onDispose(() => { this.#release(id); });
    // What another window runs serves as well, and comes here when that goes.
    model.start(id);
    try {
      const forward = await settled(model, id);
      const { login } = forward.definition;
      return { id, ...localEnd(forward), ...(login === undefined ? {} : { login }), dispose: () => { hold.dispose(); } };
    } catch (error) {
      hold.dispose();
      throw error;
    }
  };

  readonly stop = async (id: string): Promise<void> => {
    const { model } = this.#options;
    if (isElsewhere(model.get(id)) && !(await this.#options.stopElsewhere(id))) throw errorOf(silentWindow(model.get(id)));
    model.stop(id);
    await until(model, id, (forward) => forward === undefined || !isActive(whereItRuns(forward.state)));
  };

  readonly connections = async (id: string): Promise<readonly ConnectionInfo[]> => {
    const forward = this.#options.model.get(id);
    if (forward === undefined || !isActive(forward.state)) return [];
    return (await this.#options.connections(id)).map(({ phase, origin, destination, openedAt, closedAt, closeReason, bytesUp, bytesDown, id: connectionId }) => ({
      id: connectionId, state: phase, origin, openedAt, bytesUp, bytesDown, ...(destination === undefined ? {} : { destination }),
      ...(closedAt === undefined ? {} : { closedAt }), ...(closeReason === undefined ? {} : { closeReason }),
    }));
  };

  /** The user's forward that does the same, one that the API already made, or a new one. */
  #define(asked: Asked): ForwardDefinition {
    const { spec } = asked;
    const text = formatForward(spec);
    const isFree = !isSocketPath(spec.listen) && spec.listen.port === 0;
    const same = isFree ? undefined : this.#options.model.forwards.find(({ definition }) => formatForward(definition.spec) === text);
    if (same !== undefined) return same.definition;
    if (isForwardLoop(spec, this.#options.model.forwards.map(({ definition }) => definition.spec))) {
      throw invalid(`${formatForward(spec)} would pass each connection back to itself, through other forwards, without end.`);
    }
    return { ...asked, id: randomUUID(), autoStart: false, origin: 'extension' };
  }

  /** The callers are JavaScript: anything may come in. */
  async #read(request: unknown): Promise<Asked> {
    if (typeof request !== 'string') {
      const { forward, target, name, healthCheck } = (typeof request === 'object' && request !== null ? request : {}) as Partial<ForwardRequest>;
      const { definitions: [definition], problems: [problem] } = readEntries([{ forward, target, name, healthCheck }]);
      if (definition === undefined) throw invalid(problem?.message ?? 'Not a forward.');
      return { name: definition.name, spec: definition.spec, ...(definition.healthCheck === undefined ? {} : { healthCheck: definition.healthCheck }) };
    }
    const parsed = parseForward(request, { sshHosts: await this.#options.sshHosts() });
    if (!parsed.isValid) throw invalid(parsed.problem.message);
    if (parsed.notTakenOver.length > 0) throw invalid(`${parsed.notTakenOver.join(', ')} cannot be taken over from a command: it belongs into ~/.ssh/config.`);
    if (parsed.readings.some(({ kind }) => kind === 'forwards')) throw invalid(`${quoted(request)} means several forwards: ask for each of them.`);
    const reading = parsed.readings.find(({ kind }) => kind === 'forward');
    if (reading?.kind !== 'forward') throw invalid(`${quoted(request)} lacks its SSH server.`);
    return { name: '', spec: reading.spec };
  }

  #release(id: string): void {
    const left = (this.#holders.get(id) ?? 1) - 1;
    if (left > 0) {
      this.#holders.set(id, left);
      return;
    }
    this.#holders.delete(id);
    if (this.#options.model.get(id)?.definition.origin === 'extension') this.#options.model.remove(id);
  }
}

/** Resolves when the forward listens and its tunnel is up, or opens for whoever connects, here or in another window; rejects when it fails, is stopped or is removed. */
async function settled(model: ForwardModel, id: string): Promise<Forward> {
  const forward = await until(model, id, (candidate) => candidate === undefined || isUsable(candidate.state) || isOver(candidate));
  if (forward !== undefined && isUsable(forward.state)) return forward;
  const state = forward === undefined ? undefined : whereItRuns(forward.state);
  if (state?.phase === 'failed') throw errorOf(state.failure);
  // A restart passes through `stopped` and has gone on by now.
  if (isRunning(model.get(id))) return settled(model, id);
  throw errorOf({ code: 'cancelled', detail: 'the forward was stopped', context: {} });
}

function isRunning(forward: Forward | undefined): boolean {
  return forward !== undefined && isActive(whereItRuns(forward.state));
}

function isOver(forward: Forward): boolean {
  const { phase } = whereItRuns(forward.state);
  return phase === 'failed' || phase === 'stopped';
}

function isElsewhere(forward: Forward | undefined): boolean {
  return forward !== undefined && runsElsewhere(forward.state);
}

function until(model: ForwardModel, id: string, isDone: (forward: Forward | undefined) => boolean): Promise<Forward | undefined> {
  const now = model.get(id);
  if (isDone(now)) return Promise.resolve(now);
  return new Promise((resolve) => {
    const subscription = model.onDidChange(() => {
      const forward = model.get(id);
      if (!isDone(forward)) return;
      subscription.dispose();
      resolve(forward);
    });
  });
}

/** It hangs, and so does what it runs. */
function silentWindow(forward: Forward | undefined): Failure {
  return { code: 'running-elsewhere', detail: 'the window that runs it does not answer', context: { ...forward?.definition.spec.listen, isSilent: true } };
}

function invalid(detail: string): CulvertError {
  return errorOf({ code: 'invalid-forward', detail, context: {} });
}

function errorOf(failure: Failure): CulvertError {
  return Object.assign(new ForwardError(failure.code, failure.detail, { context: failure.context }), { message: explain(failure).sentence });
}

function infoOf({ definition, state, provedAt }: Forward): ForwardInfo {
  const failure = failureOf(state);
  return {
    id: definition.id, name: definition.name, kind: definition.spec.kind, text: formatForward(definition.spec), state: state.phase,
    bound: boundOf(state)?.addresses ?? [],
    ...(provedAt === undefined ? {} : { provedAt }),
    ...(failure === undefined ? {} : { error: { code: failure.code, message: explain(failure).sentence } }),
  };
}

import { randomUUID } from 'node:crypto';
import type { ConnectionInfo, CulvertApi, CulvertError, EnsuredForward, ForwardInfo, ForwardRequest } from '../api.ts';
import { dialableHost } from '../core/address.ts';
import { ForwardError, type Failure } from '../core/failure.ts';
import type { Connection, Forward, ForwardDefinition } from '../core/forward.ts';
import { readEntries } from '../core/forwardEntry.ts';
import type { ForwardModel } from '../core/forwardModel.ts';
import { parseForward } from '../core/forwardParser.ts';
import type { ForwardSpec } from '../core/forwardSpec.ts';
import { boundOf } from '../core/forwardState.ts';
import { formatForward } from '../core/forwardText.ts';
import { onDispose } from '../core/lifecycle.ts';
import { explain } from './messages.ts';

export interface ApiOptions {
  readonly model: ForwardModel;
  /** The aliases of ssh_config, to read `db:5432` as the user would mean it. */
  readonly sshHosts: () => Promise<ReadonlySet<string>>;
  readonly connections: (id: string) => Promise<readonly Connection[]>;
}

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
    const definition = this.#define(await this.#readSpec(request), typeof request === 'string' ? '' : request.name ?? '');
    const { id } = definition;
    if (model.get(id) === undefined) model.put(definition);
    this.#holders.set(id, (this.#holders.get(id) ?? 0) + 1);
    const hold = onDispose(() => { this.#release(id); });
    model.start(id);
    try {
      const forward = await settled(model, id);
      const port = boundOf(forward.state)?.addresses[0]?.port ?? forward.definition.spec.listen.port;
      return { id, host: dialableHost(forward.definition.spec.listen.host), port, dispose: () => { hold.dispose(); } };
    } catch (error) {
      hold.dispose();
      throw error;
    }
  };

  readonly stop = async (id: string): Promise<void> => {
    const { model } = this.#options;
    model.stop(id);
    await until(model, id, (forward) => forward === undefined || !('generation' in forward.state));
  };

  readonly connections = async (id: string): Promise<readonly ConnectionInfo[]> => {
    if (this.#options.model.get(id) === undefined) return [];
    return (await this.#options.connections(id)).map(({ phase, origin, openedAt, closedAt, closeReason, bytesUp, bytesDown, id: connectionId }) => ({
      id: connectionId, state: phase, origin, openedAt, bytesUp, bytesDown,
      ...(closedAt === undefined ? {} : { closedAt }), ...(closeReason === undefined ? {} : { closeReason }),
    }));
  };

  /** The user's forward that does the same, one that the API already made, or a new one. */
  #define(spec: ForwardSpec, name: string): ForwardDefinition {
    const text = formatForward(spec);
    const isFree = spec.listen.port === 0;
    const same = isFree ? undefined : this.#options.model.forwards.find(({ definition }) => formatForward(definition.spec) === text);
    return same?.definition ?? { id: randomUUID(), name, spec, autoStart: false, origin: 'extension' };
  }

  async #readSpec(request: string | ForwardRequest): Promise<ForwardSpec> {
    if (typeof request === 'object') {
      const { forward, target } = request;
      const { definitions: [definition], problems: [problem] } = readEntries([{ forward, ...(target === undefined ? {} : { target }) }]);
      if (definition === undefined) throw errorOf({ code: 'invalid-forward', detail: problem?.message ?? 'Not a forward.', context: {} });
      return definition.spec;
    }
    const parsed = parseForward(request, { sshHosts: await this.#options.sshHosts() });
    if (!parsed.isValid) throw errorOf({ code: 'invalid-forward', detail: parsed.problem.message, context: {} });
    const reading = parsed.readings.find(({ kind }) => kind === 'forward');
    if (reading?.kind !== 'forward') throw errorOf({ code: 'invalid-forward', detail: `"${request}" lacks its SSH server.`, context: {} });
    return reading.spec;
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

/** Resolves when the forward listens and its tunnel is up; rejects when it fails, is stopped or is removed. */
async function settled(model: ForwardModel, id: string): Promise<Forward> {
  const forward = await until(model, id, (candidate) => candidate === undefined
    || candidate.state.phase === 'listening' || candidate.state.phase === 'failed' || candidate.state.phase === 'stopped');
  if (forward?.state.phase === 'listening') return forward;
  if (forward?.state.phase === 'failed') throw errorOf(forward.state.failure);
  throw errorOf({ code: 'cancelled', detail: 'the forward was stopped', context: {} });
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

function errorOf(failure: Failure): CulvertError {
  return Object.assign(new ForwardError(failure.code, failure.detail, { context: failure.context }), { message: explain(failure).sentence });
}

function infoOf({ definition, state }: Forward): ForwardInfo {
  const failure = 'failure' in state ? state.failure : state.phase === 'listening' ? state.complaint?.failure : undefined;
  return {
    id: definition.id, name: definition.name, kind: definition.spec.kind, text: formatForward(definition.spec), state: state.phase,
    bound: boundOf(state)?.addresses ?? [],
    ...(failure === undefined ? {} : { error: { code: failure.code, message: explain(failure).sentence } }),
  };
}

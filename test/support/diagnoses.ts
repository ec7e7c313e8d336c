import { EventEmitter } from '../../src/core/event.ts';
import type { Diagnosis, DiagnosisStep, RungStatus } from '../../src/core/diagnosis.ts';
import type { Forward } from '../../src/core/forward.ts';
import type { ForwardSpec } from '../../src/core/forwardSpec.ts';
import type { ForwardState } from '../../src/core/forwardState.ts';
import { NO_TRAFFIC } from '../../src/core/forward.ts';
import type { HealthCheck } from '../../src/core/healthCheck.ts';
import type { SshHop } from '../../src/core/sshTarget.ts';
import type { PlaneEvents } from '../../src/protocol/messages.ts';
import type { RpcEvent } from '../../src/protocol/rpc.ts';
import { systemClock } from '../../src/system/clock.ts';
import { Diagnoser } from '../../src/ui/diagnoser.ts';
import { formatDiagnosis } from '../../src/ui/diagnosisText.ts';
import type { PlaneClient } from './planeClient.ts';
import { targetOf } from './planeTargets.ts';

export interface Diagnosed {
  readonly diagnosis: Diagnosis;
  readonly report: string;
  /** The report on one line, however its lines are broken. */
  readonly words: string;
  /** Every diagnosis that was told on the way, the last one included. */
  readonly changes: readonly Diagnosis[];
}

/** Has the control side diagnose a forward over these hops, with the real plane. */
export async function diagnose(plane: PlaneClient, spec: ForwardSpec, hops: readonly SshHop[] = [], options: { readonly state?: ForwardState; readonly signal?: AbortSignal; readonly healthCheck?: HealthCheck } = {}): Promise<Diagnosed> {
  const events = new EventEmitter<RpcEvent<PlaneEvents>>();
  plane.onEvent = (event) => { events.fire(event); };
  const diagnoser = new Diagnoser(
    { request: (method, params, signal) => plane.request(method, params, signal), onEvent: events.event },
    { allowBind: async () => undefined, resolveTarget: async () => targetOf(...hops), explain: async (failure) => failure },
    systemClock,
  );
  const forward: Forward = { definition: { id: 'a', name: 'db', spec, autoStart: false, origin: 'user', ...(options.healthCheck === undefined ? {} : { healthCheck: options.healthCheck }) }, state: options.state ?? { phase: 'stopped' }, traffic: NO_TRAFFIC };
  const changes: Diagnosis[] = [];
  const diagnosis = await diagnoser.run(forward, (change) => { changes.push(change); }, options.signal ?? new AbortController().signal);
  const report = formatDiagnosis(forward, diagnosis).text;
  return { diagnosis, report, words: report.replaceAll(/\s+/g, ' '), changes };
}

/** The rungs of a diagnosis that did not simply pass, and `step hop` of each. */
export function notPassed({ rungs }: Diagnosis): string[] {
  return rungs.filter(({ status }) => status !== 'passed').map(({ step, hop, status }) => `${step}${hop === undefined ? '' : ` ${String(hop)}`} ${status}`);
}

/** Where it stopped: the rung that failed, all before it passed and nothing after it reached. */
export function failedAt({ rungs }: Diagnosis): { readonly step: DiagnosisStep; readonly hop: number | undefined } {
  const index = rungs.findIndex(({ status }) => status === 'failed');
  const wrong = rungs.filter(({ status }, at) => status !== expected(at, index));
  if (index === -1 || wrong.length > 0) throw new Error(`The ladder stands in disorder: ${rungs.map(({ step, status }) => `${step} ${status}`).join(', ')}`);
  return { step: rungs[index]!.step, hop: rungs[index]!.hop };
}

function expected(at: number, failed: number): RungStatus {
  return at < failed ? 'passed' : at === failed ? 'failed' : 'waiting';
}

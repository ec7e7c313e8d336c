import { describe, expect, it } from 'vitest';
import { EventEmitter } from '../../../src/core/event.ts';
import { ForwardError } from '../../../src/core/failure.ts';
import type { Forward } from '../../../src/core/forward.ts';
import type { SshTarget } from '../../../src/core/sshTarget.ts';
import type { DiagnoseForward, PlaneEvents } from '../../../src/protocol/messages.ts';
import type { RpcEvent } from '../../../src/protocol/rpc.ts';
import { Diagnoser, type DiagnosisPreparation } from '../../../src/ui/diagnoser.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { forwardOf, LOCAL, NOW, RELAY, STATES } from './samples.ts';

const TARGET: SshTarget = { key: 'k', hops: [] };

/** A plane that answers as the test says, and every step that was told. */
function setup(answer: (request: DiagnoseForward, tell: (payload: PlaneEvents['diagnosis']) => void) => Promise<void>, changes: Partial<DiagnosisPreparation> = {}) {
  const events = new EventEmitter<RpcEvent<PlaneEvents>>();
  const asked: DiagnoseForward[] = [];
  const preparation: DiagnosisPreparation = { allowBind: async () => undefined, resolveTarget: async () => TARGET, explain: async (given) => given, ...changes };
  const request = async (_: string, params: unknown): Promise<undefined> => {
    asked.push(params as DiagnoseForward);
    await answer(params as DiagnoseForward, (payload) => { events.fire({ name: 'diagnosis', payload }); });
    return undefined;
  };
  const diagnoser = new Diagnoser({ request, onEvent: events.event }, preparation, new FakeClock(NOW));
  const run = (forward: Forward, signal = new AbortController().signal) => diagnoser.run(forward, () => undefined, signal);
  return { run, asked };
}

const works = async (): Promise<void> => undefined;
const failsWith = (code: ForwardError['code']) => (): Promise<never> => Promise.reject(new ForwardError(code, 'it broke'));

describe('before the plane is asked', () => {
  it.each<[string, Partial<DiagnosisPreparation>, string]>([
    ['ssh_config cannot be read', { resolveTarget: failsWith('config-invalid') }, 'config-invalid'],
    ['listening is not allowed', { allowBind: failsWith('bind-not-allowed') }, 'bind-not-allowed'],
  ])('it stops where %s', async (_, changes, code) => {
    const { run, asked } = setup(works, changes);
    const { outcome, failure, rungs } = await run(forwardOf(STATES.stopped));
    expect({ outcome, code: failure?.code, first: rungs[0]?.status }).toEqual({ outcome: 'failed', code, first: 'failed' });
    expect(asked).toEqual([]);
  });

  it('a forward that listens is neither asked about nor tried', async () => {
    const { run, asked } = setup(works, { allowBind: failsWith('bind-not-allowed') });
    const { rungs } = await run(forwardOf(STATES.listening));
    expect(asked).toMatchObject([{ isListening: true }]);
    expect(rungs.find(({ step }) => step === 'port')).toMatchObject({ status: 'passed', facts: [{ isRunning: true }] });
  });
});

describe('a forward that another window runs', () => {
  it('is tried as one that listens, and said to listen there', async () => {
    const { run, asked } = setup(works, { allowBind: failsWith('bind-not-allowed') });
    const { rungs } = await run(forwardOf(STATES.elsewhere));
    expect(asked).toMatchObject([{ isListening: true }]);
    expect(rungs.find(({ step }) => step === 'port')).toMatchObject({ status: 'passed', facts: [{ isRunning: true, isElsewhere: true }] });
  });

  it('is left what it is about to listen on there', async () => {
    const { run, asked } = setup(works, { allowBind: failsWith('bind-not-allowed') });
    const running = { phase: 'starting', generation: 1, attempt: 1, since: NOW, progress: { step: 'binding' }, bound: undefined } as const;
    const { rungs } = await run(forwardOf({ phase: 'elsewhere', since: NOW, running }));
    expect(asked).toMatchObject([{ isListening: true }]);
    expect(rungs.find(({ step }) => step === 'port')?.status).toBe('skipped');
  });
});

describe('what the plane finds out', () => {
  it('counts for the diagnosis that it belongs to', async () => {
    const fact = { kind: 'bindable', addresses: [], isRunning: false } as const;
    const { run } = setup(async (_, tell) => { tell({ id: 'another', at: NOW, fact }); });
    expect((await run(forwardOf(STATES.stopped, { spec: RELAY }))).rungs[0]?.facts).toEqual([]);
    const own = setup(async ({ id }, tell) => { tell({ id, at: NOW, fact }); });
    expect((await own.run(forwardOf(STATES.stopped, { spec: RELAY }))).rungs[0]?.facts).toEqual([fact]);
  });

  it('is explained with what only this computer can tell', async () => {
    const { run } = setup(failsWith('address-in-use'), { explain: async (failure) => ({ ...failure, context: { program: 'psql' } }) });
    expect((await run(forwardOf(STATES.stopped, { spec: LOCAL }))).failure).toMatchObject({ code: 'address-in-use', context: { program: 'psql' } });
  });

  it('is explained as it came where that cannot be told', async () => {
    const { run } = setup(failsWith('address-in-use'), { explain: failsWith('internal') });
    expect((await run(forwardOf(STATES.stopped))).failure?.code).toBe('address-in-use');
  });

  it('no longer matters once it is stopped', async () => {
    const controller = new AbortController();
    const { run } = setup(async () => {
      controller.abort();
      throw new ForwardError('cancelled', 'diagnose was cancelled');
    });
    expect((await run(forwardOf(STATES.stopped), controller.signal)).outcome).toBe('cancelled');
  });
});

import { describe, expect, it } from 'vitest';
import { ForwardError } from '../../../../src/core/failure.ts';
import { PhaseTimer } from '../../../../src/plane/ssh/phaseTimer.ts';
import { FakeClock } from '../../../support/fakeClock.ts';

function timer(): { clock: FakeClock; phases: PhaseTimer; expired: string[] } {
  const clock = new FakeClock();
  const expired: string[] = [];
  return { clock, phases: new PhaseTimer(clock, (error) => expired.push(error.message)), expired };
}

function failure(text: string): () => ForwardError {
  return () => new ForwardError('connect-timeout', text);
}

describe('the timer of a login', () => {
  it('gives each phase its own time', () => {
    const { clock, phases, expired } = timer();
    phases.begin(1_000, failure('handshake'));
    clock.advance(999);
    phases.begin(2_000, failure('login'));
    clock.advance(1_999);
    expect(expired).toEqual([]);
    clock.advance(1);
    expect(expired).toEqual(['login']);
  });

  it('stands still while a person is asked, and then begins anew', async () => {
    const { clock, phases, expired } = timer();
    phases.begin(1_000, failure('login'));
    let answer: (() => void) | undefined;
    const asking = phases.whileAsking(() => new Promise<void>((resolve) => { answer = resolve; }));
    clock.advance(90_000);
    expect(expired).toEqual([]);
    answer!();
    await asking;
    clock.advance(999);
    expect(expired).toEqual([]);
    clock.advance(1);
    expect(expired).toEqual(['login']);
  });

  it('does not run again after a phase began while a question is open, or after its end', async () => {
    const { clock, phases, expired } = timer();
    await phases.whileAsking(async () => {
      phases.begin(1_000, failure('login'));
      clock.advance(5_000);
      await Promise.reject(new Error('declined'));
    }).catch(() => undefined);
    expect(expired).toEqual([]);
    phases.stop();
    clock.advance(5_000);
    expect(expired).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it('takes a question that stays open for one to a person', async () => {
    const { clock, phases } = timer();
    let answer: (() => void) | undefined;
    const asking = phases.whileAsking(() => new Promise<void>((resolve) => { answer = resolve; }));
    clock.advance(2_999);
    expect(phases.isAskingPerson).toBe(false);
    clock.advance(1);
    expect(phases.isAskingPerson).toBe(true);
    answer?.();
    await asking;
    expect(phases.isAskingPerson).toBe(false);
  });
});

import { ForwardError } from '../core/failure.ts';
import type { ForwardDefinition } from '../core/forward.ts';
import type { ForwardModel } from '../core/forwardModel.ts';
import { formatForward } from '../core/forwardText.ts';
import type { OtherWindows } from '../windows/otherWindows.ts';
import { isShared } from './sharedForwards.ts';

/**
 * Settles when this window may go on starting a forward; rejects with `running-elsewhere` when another one has it or is before
 * this one in starting it. Nobody is asked for consent or a login in two windows for one forward.
 */
export async function awaitTurn({ id, spec }: ForwardDefinition, model: ForwardModel, windows: Pick<OtherWindows, 'precedes'>): Promise<void> {
  const state = model.get(id)?.state;
  // Whoever has had it or tried before, or holds the port, is the one that the others wait for.
  if (!isShared(spec) || state?.phase !== 'starting' || state.outage !== undefined || state.bound !== undefined) return;
  if (await windows.precedes(formatForward(spec), state.since)) throw new ForwardError('running-elsewhere', 'another window of the editor runs it, or starts it already', { context: { ...spec.listen } });
}

import { describe, expect, it } from 'vitest';
import type { ForwardSpec } from '../../../src/core/forwardSpec.ts';
import { awaitTurn } from '../../../src/ui/startTurn.ts';
import { BOTH_LOOPBACKS, createModel, define, failure, LOCAL, NOW } from './samples.ts';

function setup(spec: ForwardSpec = LOCAL) {
  const made = createModel();
  const definition = define('a', { spec });
  made.model.put(definition);
  made.model.start('a', { isPersistent: true });
  const asked: [string, number][] = [];
  const precedes = async (text: string, since: number): Promise<boolean> => {
    asked.push([text, since]);
    return true;
  };
  return { ...made, asked, wait: () => awaitTurn(definition, made.model, { precedes }) };
}

describe('the turn of a window', () => {
  it('is not before that of the one that runs the forward or was first to start it', async () => {
    const { wait, asked } = setup();
    await expect(wait()).rejects.toMatchObject({ code: 'running-elsewhere', context: { ...LOCAL.listen } });
    expect(asked).toEqual([['5432:db:5432 me@bastion', NOW]]);
  });

  it('is nothing to ask for where each window has its own port', async () => {
    const { wait, asked } = setup({ ...LOCAL, listen: { host: 'localhost', port: 0 } });
    await wait();
    expect(asked).toEqual([]);
  });

  it.each(['it listens', 'it has been tried before', 'it was up', 'it was stopped'])('has come, or does not matter: %s', async (how) => {
    const { wait, asked, model, say, comeUp, clock } = setup();
    if (how === 'it listens') say('a', { type: 'bound', bound: BOTH_LOOPBACKS });
    else if (how === 'it was stopped') model.stop('a');
    else {
      if (how === 'it was up') comeUp('a');
      say('a', { type: 'lost', failure: failure('connect-timeout'), isUnbound: true });
      clock.advance(2_000);
      expect(model.get('a')?.state).toMatchObject({ phase: 'starting', bound: undefined, attempt: how === 'it was up' ? 1 : 2 });
    }
    await wait();
    expect(asked).toEqual([]);
  });
});

import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { HostPort } from '../../../src/core/address.ts';
import { uncovered } from '../../../src/system/loopbackShadow.ts';
import { LoopbackShadows } from '../../../src/ui/loopbackShadows.ts';
import { createModel, define, LOCAL, REMOTE, UDP } from './samples.ts';

/** Who listens on the machine, by address; the modules that ask it are replaced. */
const machine = vi.hoisted(() => ({ listeners: [] as { host: string; port: number }[], looks: 0, holder: undefined as { program: string; pid: number } | undefined }));
vi.mock('../../../src/system/portHolder.ts', () => ({
  listListeners: async () => { machine.looks += 1; return machine.listeners; },
  findPortHolder: async () => machine.holder,
}));

const V4: HostPort = { host: '127.0.0.1', port: 5432 };
const V6: HostPort = { host: '::1', port: 5432 };
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

beforeEach(() => {
  machine.listeners = [V4];
  machine.looks = 0;
  machine.holder = undefined;
});

function setup() {
  const world = createModel();
  const shadows = new LoopbackShadows(world.model, world.clock);
  let changes = 0;
  shadows.onDidChange(() => { changes += 1; });
  const listen = async (id: string, ...addresses: HostPort[]): Promise<void> => {
    world.model.put(define(id, { name: id, spec: { ...LOCAL, listen: { host: '127.0.0.1', port: 5432 } } }));
    world.model.start(id);
    world.comeUp(id, { addresses });
    await turn();
  };
  return { ...world, shadows, listen, changes: () => changes };
}

describe('the other loopback of a port', () => {
  it.each<[HostPort[], string | undefined]>([
    [[V4], '::1'], [[V6], '127.0.0.1'], [[V4, V6], undefined], [[{ host: '0.0.0.0', port: 5432 }], '::1'], [[{ host: '::', port: 5432 }, { host: '0.0.0.0', port: 5432 }], undefined],
    [[{ host: '127.0.0.2', port: 5432 }], undefined], [[{ host: '192.0.2.7', port: 5432 }], undefined], [[], undefined],
  ])('beside %j is %s', (bound, host) => {
    expect(uncovered(bound)[0]?.host).toBe(host);
  });
});

describe('a forward that has one loopback', () => {
  it('is warned of the program at the other, and of nobody when it has gone', async () => {
    const { shadows, listen, changes, clock } = setup();
    machine.listeners = [V4, V6];
    machine.holder = { program: 'postgres', pid: 812 };
    await listen('a', V4);
    expect(shadows.warningOf('a')).toBe('localhost may lead to postgres (pid 812), which has [::1]:5432');
    expect(changes()).toBe(1);
    machine.listeners = [V4];
    shadows.refresh();
    await turn();
    expect(shadows.warningOf('a')).toBeDefined();
    clock.advance(60_000);
    shadows.refresh();
    await turn();
    expect([shadows.warningOf('a'), changes()]).toEqual([undefined, 2]);
  });

  it('is warned of one that comes later and of which the system tells nothing', async () => {
    const { shadows, listen, clock } = setup();
    await listen('a', V4);
    expect(shadows.warningOf('a')).toBeUndefined();
    machine.listeners = [V4, { host: '::', port: 5432 }];
    clock.advance(60_000);
    shadows.refresh();
    await turn();
    expect(shadows.warningOf('a')).toBe('localhost may lead to another program, which has [::1]:5432');
  });

  it('is warned by name of another forward', async () => {
    const { shadows, listen } = setup();
    machine.listeners = [V4, V6];
    await listen('a', V4);
    await listen('b', V6);
    expect(shadows.warningOf('a')).toBe('localhost may lead to your forward b, which has [::1]:5432');
    expect(shadows.warningOf('b')).toBe('localhost may lead to your forward a, which has 127.0.0.1:5432');
  });

  it('is warned while its tunnel rests, too', async () => {
    const { shadows, model, say } = setup();
    machine.listeners = [V4, V6];
    model.put(define('a', { spec: { ...LOCAL, listen: { host: '127.0.0.1', port: 5432 } }, isOnDemand: true }));
    model.start('a');
    say('a', { type: 'bound', bound: { addresses: [V4] } });
    say('a', { type: 'idle' });
    await turn();
    expect(shadows.warningOf('a')).toContain('another program');
  });

  it('is warned of nothing once it is stopped', async () => {
    const { shadows, listen, model } = setup();
    machine.listeners = [V4, V6];
    await listen('a', V4);
    model.stop('a');
    await turn();
    expect(shadows.warningOf('a')).toBeUndefined();
  });

  it('is no forward of another machine or of datagrams, and the machine is not asked for those that have both', async () => {
    const { model, comeUp, listen, shadows } = setup();
    machine.listeners = [V4, V6];
    for (const [id, spec] of [['r', REMOTE], ['u', UDP]] as const) {
      model.put(define(id, { spec }));
      model.start(id);
      comeUp(id, { addresses: [V4] });
    }
    await listen('a', V4, V6);
    expect(['r', 'u', 'a'].map((id) => shadows.warningOf(id))).toEqual([undefined, undefined, undefined]);
    expect(machine.looks).toBe(0);
  });
});

import { describe, expect, it } from 'vitest';
import { Comeback } from '../../../src/ui/comeback.ts';
import { definition, setup as setupModel } from '../core/modelSetup.ts';

function setup() {
  const fixture = setupModel();
  const network = { addresses: ['192.0.2.1'], looks: 0 };
  let probes = 0;
  const comeback = new Comeback({
    model: fixture.model,
    clock: fixture.clock,
    networkAddresses: () => {
      network.looks += 1;
      return network.addresses;
    },
    probe: () => { probes += 1; },
  });
  return { ...fixture, network, comeback, probes: () => probes };
}

/** Up, then lost ten times: the next try is a minute away. */
function waitLong({ model, comeUp, lose, clock }: ReturnType<typeof setup>): void {
  model.start('a');
  comeUp();
  for (let times = 0; times < 10; times += 1) {
    lose();
    clock.advance(times === 9 ? 0 : 60_000);
  }
}

describe('a machine that wakes up', () => {
  it('asks the servers once, and tries what waits at once', () => {
    const fixture = setup();
    waitLong(fixture);
    const { clock, phases, probes } = fixture;
    clock.sleep(900_000);
    clock.advance(1_000);
    expect(phases('a')).toEqual(['starting']);
    clock.advance(60_000);
    expect(probes()).toBe(1);
  });

  it('tries again soon where the network is not there yet', () => {
    const fixture = setup();
    waitLong(fixture);
    const { clock, lose } = fixture;
    clock.sleep(20_000);
    clock.advance(1_000);
    lose('host-unreachable');
    expect(fixture.stateOf()).toMatchObject({ phase: 'retrying', retryAt: clock.now() + 1_000 });
  });

  it('stops what had its time first, and tries none of that again', () => {
    const { model, clock, comeUp, lose, runner, phases } = setup();
    for (const [id, port] of [['a', 80], ['b', 81]] as const) {
      model.put(definition(id, port, { stopAfterMinutes: 10 }));
      model.start(id);
      comeUp(id);
    }
    lose('connection-lost', false, 'b');
    clock.sleep(600_000);
    clock.advance(1_000);
    expect(phases('a', 'b')).toEqual(['stopping', 'stopping']);
    expect(runner.orders).toEqual(['start a 1', 'start b 2', 'stop a 1', 'stop b 2']);
  });

  it('stops what had its time when that is noticed by its next try', () => {
    const { model, clock, comeUp, lose, runner } = setup();
    model.put(definition('a', 80, { stopAfterMinutes: 10 }));
    clock.advance(500);
    model.start('a');
    comeUp();
    lose();
    clock.advance(700);
    clock.sleep(600_000);
    clock.advance(300);
    expect(runner.orders).toEqual(['start a 1', 'stop a 1']);
  });

  it('is not looked for any more once nobody wants to know', () => {
    const { clock, comeback, probes } = setup();
    comeback.dispose();
    clock.sleep(900_000);
    clock.advance(60_000);
    expect(probes()).toBe(0);
    expect(clock.pending).toBe(0);
  });
});

describe('what waits for a retry', () => {
  it('tries at once when the machine gets a new address', () => {
    const fixture = setup();
    waitLong(fixture);
    const { clock, network, phases } = fixture;
    clock.advance(2_000);
    expect(phases('a')).toEqual(['retrying']);
    network.addresses = [];
    clock.advance(2_000);
    expect(phases('a')).toEqual(['retrying']);
    network.addresses = ['198.51.100.7'];
    clock.advance(2_000);
    expect(phases('a')).toEqual(['starting']);
  });

  it('is the only reason to look at the network', () => {
    const { model, comeUp, clock, network, lose } = setup();
    model.start('a');
    comeUp();
    clock.advance(60_000);
    expect(network.looks).toBe(0);
    lose();
    clock.advance(1_000);
    comeUp();
    const { looks } = network;
    clock.advance(60_000);
    expect(network.looks).toBe(looks);
  });

  it('is forgotten with its owner', () => {
    const fixture = setup();
    waitLong(fixture);
    fixture.comeback.dispose();
    fixture.network.addresses = ['198.51.100.7'];
    fixture.clock.advance(10_000);
    expect(fixture.phases('a')).toEqual(['retrying']);
  });
});

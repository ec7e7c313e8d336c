import { describe, expect, it } from 'vitest';
import { Comeback } from '../../../src/ui/comeback.ts';
import { setup as setupModel } from '../core/modelSetup.ts';

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

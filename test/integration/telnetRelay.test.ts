import { expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { PlaneClient } from '../support/planeClient.ts';
import { TelnetClient } from '../support/telnetClient.ts';
import { Telnetd } from '../support/telnetd.ts';

/** An address of this machine's own loopback network that nothing else uses, so that the well-known port is free there. */
const HERE = '127.0.0.23';

it('port 23 leads to port 2323 of the same machine: a real telnet to a real telnetd', async () => {
  const telnetd = await Telnetd.start({ host: HERE, port: 2323, greets: 'shell' });
  const plane = await PlaneClient.start();
  const { forward } = await plane.forward({ host: HERE, port: 2323 }, undefined, [{ host: HERE, port: 23 }]);
  const telnet = new TelnetClient(HERE, 23);
  try {
    await telnet.waitFor(/[$#] /);
    telnet.type('echo $((40 + 2))');
    await telnet.waitFor(/\b42\b/);
    await telnet.logOut();
    // telnet is gone before the relay has heard of it.
    const closed = await eventually(async () => (await plane.connections(forward)).find(({ phase }) => phase === 'closed'));
    expect(closed.closeReason).toBe('destination-ended');
  } finally {
    telnet.kill();
    await plane.close();
    await telnetd.stop();
  }
});

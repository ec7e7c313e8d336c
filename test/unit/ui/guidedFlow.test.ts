import { describe, expect, it, vi } from 'vitest';
import type { ForwardKind } from '../../../src/core/forwardSpec.ts';
import { formatForward } from '../../../src/core/forwardText.ts';
import { guideForward } from '../../../src/ui/guidedFlow.ts';
import type { FakeQuickInput } from './fakeQuickInput.ts';

const input = vi.hoisted(() => ({ current: undefined as FakeQuickInput | undefined }));
vi.mock('vscode', async () => {
  const { FakeQuickInput: Fake } = await import('./fakeQuickInput.ts');
  input.current = new Fake();
  return input.current.api;
});

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const OPTIONS = { hosts: [{ alias: 'remhost', detail: 'me@remhost' }], proposePort: async (port: number) => (port === 1080 ? 1081 : port) };

/** Answers each step with a text, by Enter alone (''), or by going back ('back'), and takes down the titles. */
async function walk(guide: ForwardKind, ...answers: readonly string[]) {
  const result = guideForward(guide, OPTIONS);
  const titles: string[] = [];
  for (const answer of answers) {
    await turn();
    const { box } = input.current!;
    titles.push(box.title);
    if (answer === 'back') box.back();
    else {
      if (answer !== '') box.type(answer);
      box.accept();
    }
  }
  await turn();
  return { spec: await Promise.race([result, turn()]), titles };
}

describe('step by step', () => {
  it.each<[ForwardKind, string[], string, string[]]>([
    ['local', ['remhost', 'db:5432', '15432'], '15432:db:5432 remhost', ['Forward Port (1/3): SSH Server', 'Forward Port (2/3): Port There', 'Forward Port (3/3): Port Here']],
    ['remote', ['me@remhost:2222', '3000', '9000'], '-R 9000:localhost:3000 me@remhost:2222',
      ['Forward Port (1/3): SSH Server', 'Forward Port (2/3): Destination', 'Forward Port (3/3): Port on the Server']],
    ['remote', ['remhost', 'nas:80', '0'], '-R 0:nas:80 remhost', []],
    ['remote', ['remhost', '3000', ''], '-R 3000:localhost:3000 remhost', []],
    ['dynamic', ['remhost', ''], '-D 1081 remhost', ['Forward Port (1/2): SSH Server', 'Forward Port (2/2): Port Here']],
    ['remote-dynamic', ['remhost', ''], '-R 1080 remhost', ['Forward Port (1/2): SSH Server', 'Forward Port (2/2): Port on the Server']],
    ['relay', ['far:80', ''], '80:far:80', ['Forward Port (1/2): Destination', 'Forward Port (2/2): Port Here']],
    ['relay', ['/run/app.sock', '9090'], '9090:/run/app.sock', []],
    ['relay', ['~/app.sock', ''], '8080:~/app.sock', []],
    ['relay', ['db1:5432,db2:5432,/run/db.sock', ''], '5432:db1:5432,db2:5432,/run/db.sock', []],
    ['relay', ['far:9000-9010', '8000'], '8000-8010:far:9000-9010', []],
    ['relay', ['9000-9010', ''], '9011-9021:localhost:9000-9010', []],
    ['relay', ['far:80', '/tmp/web.sock'], '/tmp/web.sock:far:80', []],
    ['relay', ['/run/app.sock', '~/app.sock'], '~/app.sock:/run/app.sock', []],
    ['local', ['remhost', 'db:5432', '/tmp/db.sock'], '/tmp/db.sock:db:5432 remhost', []],
    ['remote', ['remhost', '3000', '/run/web.sock'], '-R /run/web.sock:localhost:3000 remhost', []],
    ['udp', ['10.0.0.2:53', ''], 'udp:53:10.0.0.2:53', ['Forward Port (1/2): Destination', 'Forward Port (2/2): Port Here']],
    ['udp', ['[::1]:53', '5353'], 'udp:5353:[::1]:53', []],
    ['local', ['remhost', '/run/postgresql/.s.PGSQL.5433', ''], '5433:/run/postgresql/.s.PGSQL.5433 remhost', []],
    ['local', ['remhost', '8000-8010', ''], '8000-8010:localhost:8000-8010 remhost', []],
    ['remote', ['remhost', '~/app.sock', '9000'], '-R 9000:~/app.sock remhost', []],
    ['remote', ['remhost', 'nas:80-81', '9000'], '-R 9000-9001:nas:80-81 remhost', []],
    // Back leads to the step before.
    ['remote', ['remhost', 'back', 'other', '3000', 'back', '3001', ''], '-R 3001:localhost:3001 other', []],
    ['dynamic', ['remhost', 'back', 'other', '1090'], '-D 1090 other', []],
  ])('%s with %j makes %s', async (guide, answers, text, titles) => {
    const walked = await walk(guide, ...answers);
    expect(walked.spec === undefined ? undefined : formatForward(walked.spec)).toBe(text);
    if (titles.length > 0) expect(walked.titles).toEqual(titles);
  });

  it.each<[ForwardKind, string[]]>([
    ...['-D 1080', 'x', '70000', '1:2:3', '1-2:80', 'a:1,b:2', 'h:9-8'].map((answer): [ForwardKind, string[]] => ['remote', ['remhost', answer]]),
    // The server does not expand what stands for its user's home.
    ['local', ['remhost', '~/app.sock']], ['relay', ['1:2,3:4:5']], ['relay', ['80:h:80,i:80']], ['relay', ['h:80 send-proxy-v2']],
    ['udp', ['/run/app.sock']], ['udp', ['h:1-2']], ['udp', ['a:1,b:2']],
    // A range needs room, and a first port.
    ['relay', ['h:9000-9010', '65530']], ['relay', ['h:9000-9010', '0']], ['remote', ['remhost', 'h:9000-9010', '0']],
    ['relay', ['/run/a.sock', '/run/a.sock']], ['relay', ['far:80', './a.sock']], ['udp', ['far:53', '/run/a.sock']], ['remote', ['remhost', '3000', '~/a.sock']],
    ['relay', ['localhost:80-85', '80']], ['relay', ['far:80,localhost:81', '81']], ['udp', ['localhost:53', '53']],
  ])('%s takes no %j', async (guide, answers) => {
    const { spec } = await walk(guide, ...answers);
    expect(spec).toBeUndefined();
    expect(input.current!.box.validationMessage).not.toBe('');
    input.current!.box.leave();
  });
});

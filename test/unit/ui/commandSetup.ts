import { formatForward } from '../../../src/core/forwardText.ts';
import { registerCommands } from '../../../src/ui/commands.ts';
import type { ForwardPicker } from '../../../src/ui/forwardPicker.ts';
import { PromptQueue } from '../../../src/ui/promptQueue.ts';
import { ProxyLogins } from '../../../src/ui/proxyLogins.ts';
import { editor } from './fakeCommandEditor.ts';
import { createModel, FakeLog } from './samples.ts';

/** What the title bar of a report gives to its commands. */
export const REPORT = { scheme: 'culvert-diagnosis' };

export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The commands, registered over a model of their own. */
export function setup() {
  const world = createModel();
  const revealed: string[] = [];
  const diagnosed: string[] = [];
  // The picker as if the user had chosen by the argument; whom a command wants is decided by the commands.
  const idOf = (chosen: unknown): unknown => (typeof chosen === 'object' && chosen !== null && 'forwardId' in chosen ? chosen.forwardId : chosen);
  const resolve = async (chosen: readonly unknown[]) => world.model.forwards.filter(({ definition }) => chosen.some((each) => definition.id === idOf(each)));
  const picker = {
    resolve, resolveOne: async ([chosen]: readonly unknown[]) => resolve([chosen]),
    rowsOf: ([chosen, all]: readonly unknown[]) => all ?? (typeof chosen === 'string' ? [] : [chosen]),
  } as unknown as ForwardPicker;
  const passwords = new Map<string, string>();
  const vault = {
    get: async (key: string) => { const secret = passwords.get(key); return secret === undefined ? undefined : { secret, isRefused: false }; },
    put: async (key: string, secret: string) => { passwords.set(key, secret); },
    forget: async (key: string) => { passwords.delete(key); },
  };
  const proxyLogins = new ProxyLogins(vault, new PromptQueue(), async () => undefined, new FakeLog());
  const asked: string[] = [];
  registerCommands({
    proxyLogins,
    windows: { stop: async (id) => { asked.push(`stop ${id}`); return id !== 'hung'; }, takeOver: async (id) => { asked.push(`take over ${id}`); return id !== 'hung'; }, restart: async (id) => { asked.push(`restart ${id}`); return id !== 'hung'; } },
    model: world.model, clock: world.clock, picker, reveal: async (id) => { revealed.push(id); }, showLog: () => undefined, remedyActions: { removeStaleSocket: async () => undefined },
    diagnosis: { show: async (id) => { diagnosed.push(id); }, forwardIdOf: (uri) => (uri === REPORT ? 'a' : undefined), copyReport: async () => undefined },
    forgetSecrets: async () => undefined, forgetAllSecrets: async () => undefined,
    flowContext: async () => ({ hosts: [{ alias: 'bastion', detail: '' }], recent: [], portHint: () => undefined, proposePort: async (port) => port }),
  });
  const texts = (): string[] => world.model.forwards.map(({ definition: { spec }, state }) => `${formatForward(spec)} ${state.phase}`);
  return { ...world, revealed, diagnosed, texts, passwords, asked };
}

/** Runs a command and answers its boxes one after the other. */
export async function run(command: string, args: readonly unknown[], ...answers: readonly string[]): Promise<void> {
  const done = editor.actions.get(command)!(...args);
  for (const answer of answers) {
    await turn();
    editor.input.box.type(answer);
    editor.input.box.accept();
  }
  await done;
}

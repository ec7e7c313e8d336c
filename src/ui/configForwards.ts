import { toFailure } from '../core/failure.ts';
import type { ForwardDefinition } from '../core/forward.ts';
import { readEntries } from '../core/forwardEntry.ts';
import type { ForwardModel } from '../core/forwardModel.ts';
import { isThroughSsh } from '../core/forwardSpec.ts';
import { isActive } from '../core/forwardState.ts';
import { quotedWord } from '../core/forwardText.ts';
import { DisposableStore, type Disposable } from '../core/lifecycle.ts';
import type { Clock } from '../core/ports.ts';
import type { ConfiguredForward } from '../openssh/configuredForwards.ts';
import type { Log } from './log.ts';
import type { SshHosts } from './sshHosts.ts';

export interface ConfigForwardsOptions {
  readonly model: ForwardModel;
  readonly clock: Clock;
  readonly log: Log;
  /** Watches the files. */
  readonly hosts: Pick<SshHosts, 'list' | 'onDidChange'>;
  /** Reads ssh_config; runs nothing. */
  readonly list: () => Promise<readonly ConfiguredForward[]>;
  /** Whether the user wants them in the view. */
  readonly isShown: () => boolean;
}

/** One change of a file comes as several calls, and some editors empty a file before they write it. */
const SETTLE_MS = 200;

/** Offers the forwards that ssh_config has for its hosts, as they are there: nothing is started, kept or changed. */
export class ConfigForwards implements Disposable {
  readonly #options: ConfigForwardsOptions;
  readonly #owned = new DisposableStore();
  /** What was said of a line is not said again at each reading. */
  readonly #told = new Set<string>();
  #offered: ReadonlySet<string> = new Set();
  #timer: Disposable | undefined;
  #reading = 0;

  constructor(options: ConfigForwardsOptions) {
    this.#options = options;
    this.#owned.add(options.hosts.onDidChange(() => { this.refresh(); }));
    this.#owned.add(options.model.onDidChange((change) => { if (change.kind === 'state') this.#forgetIfWithdrawn(change.id); }));
  }

  /** Reads and offers; settles when that is done or a later reading has taken over. Never rejects. */
  async read(): Promise<void> {
    this.#timer?.dispose();
    const reading = ++this.#reading;
    const { hosts, list, isShown, log } = this.#options;
    try {
      // Listed first, so that the files are watched from before they are read.
      await hosts.list();
      const configured = isShown() ? await list() : [];
      if (reading === this.#reading) this.#offer(configured);
    } catch (error) {
      log.write('warn', `The forwards of ssh_config cannot be read: ${toFailure(error).detail}`);
    }
  }

  /** Reads anew once the files have come to rest. */
  refresh(): void {
    this.#timer?.dispose();
    this.#timer = this.#options.clock.after(SETTLE_MS, () => { void this.read(); });
  }

  dispose(): void {
    this.#reading += 1;
    this.#timer?.dispose();
    this.#owned.dispose();
  }

  #offer(configured: readonly ConfiguredForward[]): void {
    const definitions = new Map<string, ForwardDefinition>();
    for (const forward of configured) {
      const definition = define(forward);
      if (typeof definition === 'string') this.#tell(forward, definition);
      // What is said twice counts once, as with ssh (add_local_forward of OpenSSH's readconf.c).
      else if (!definitions.has(definition.id)) definitions.set(definition.id, definition);
    }
    this.#offered = new Set(definitions.keys());
    this.#options.model.replaceConfigForwards([...definitions.values()]);
  }

  #forgetIfWithdrawn(id: string): void {
    const { model } = this.#options;
    const forward = model.get(id);
    if (forward?.definition.origin === 'ssh-config' && !this.#offered.has(id) && !isActive(forward.state)) model.remove(id);
  }

  #tell({ host, file, line }: ConfiguredForward, reason: string): void {
    const text = `${file}, line ${String(line)}: a forward of ${host} is not offered: ${reason}`;
    if (this.#told.has(text)) return;
    this.#told.add(text);
    this.#options.log.write('info', text);
  }
}

const FLAGS: Readonly<Record<ConfiguredForward['kind'], string>> = { local: '-L', remote: '-R', dynamic: '-D' };

/** The forward that a line means, or why there is none. Known by what it does, so that it survives lines that move. */
function define({ host, kind, text, file, line }: ConfiguredForward): ForwardDefinition | string {
  const { definitions: [read], problems: [problem] } = readEntries([{ forward: `${FLAGS[kind]} ${quotedWord(text)}`, target: host }]);
  if (read === undefined) return (problem?.message ?? 'it cannot be read.').replace(/^"forward": /, '');
  const { spec } = read;
  // An alias that reads as host and port would lead to another server than the one that the line is for.
  if (!isThroughSsh(spec) || spec.target.host !== host) return 'the name of its host cannot be written as a server.';
  return { id: `ssh-config ${host} ${kind} ${text}`, name: '', spec, autoStart: false, origin: 'ssh-config', source: { file, line } };
}

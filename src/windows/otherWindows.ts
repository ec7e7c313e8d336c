import { watch, type FSWatcher } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { EventEmitter, type Event } from '../core/event.ts';
import { boundOf, isActive, type ToldState } from '../core/forwardState.ts';
import type { Disposable } from '../core/lifecycle.ts';
import type { Clock } from '../core/ports.ts';
import { Paced } from './paced.ts';
import { makePrivateFolder } from './privateFolder.ts';
import { windowAddress } from './windowAddress.ts';
import { WindowLink } from './windowLink.ts';
import type { WindowOrder, WindowRun } from './windowMessages.ts';

/** How often the folder is looked through, whatever its watcher says: not every file system tells. */
const LOOK_MS = 5_000;

/** After a connection ended: a window that went may have left its socket. */
const LOOK_AGAIN_MS = 1_000;

/** A window that is stopped in a debugger accepts and says nothing. */
const PATIENCE_MS = 500;

/** The clock has moved on by then, on every system. */
const TICK_MS = 2;

/** How long a window takes at most to say that it has got what it was starting, its pause between two reports included. */
const DECISION_MS = 1_500;

/** Something is new in the other windows. */
export interface WindowsChange {
  /** What ran in a window that is gone. */
  readonly orphans: ReadonlySet<string>;
}

const NO_ORPHANS: WindowsChange = { orphans: new Set() };

/** The other editor windows of this user, with what runs there. */
export class OtherWindows implements Disposable {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #links = new Map<number, WindowLink>();
  readonly #changes = new EventEmitter<WindowsChange>();
  readonly #lookSoon: Paced;
  /** What runs in all of them, by its notation, since the last report. */
  #runs: ReadonlyMap<string, readonly WindowRun[]> | undefined;
  #watcher: FSWatcher | undefined;
  #nextLook: Disposable | undefined;
  #asking: Promise<void> | undefined;
  #isLooking = false;
  #isPrivate = false;
  #isDisposed = false;

  readonly onDidChange: Event<WindowsChange> = this.#changes.event;

  /** `folder` is that of every window's `WindowServer`. */
  constructor(folder: string, clock: Clock) {
    this.#folder = folder;
    this.#clock = clock;
    this.#lookSoon = new Paced(clock, LOOK_AGAIN_MS, () => {
      void this.#look();
      return true;
    });
  }

  /** Settles when every window that is there has said what runs in it, or has had half a second to. Never rejects. */
  async start(): Promise<void> {
    try {
      await makePrivateFolder(this.#folder);
    } catch {
      // What another user says is not believed, and where no folder can be made there is nobody.
      return;
    }
    this.#isPrivate = true;
    if (this.#isDisposed) return;
    this.#watch();
    this.#lookEverySoOften();
    await this.#look();
    await this.#until(() => !this.#isAnySilent(), PATIENCE_MS);
  }

  /** The run of a forward, by its notation; the one that has its port, if several windows want it, and why it failed where none runs it. */
  find(text: string): WindowRun | undefined {
    const runs = this.#runsOf(text);
    return runs.find(isBound) ?? runs.find(({ running }) => isActive(running)) ?? runs[0];
  }

  /** Whether another window has what a forward listens on; waits for one that is about to get it or to fail. Never rejects. */
  async isServed(text: string): Promise<boolean> {
    const isServed = (): boolean => this.#runsOf(text).some(isBound);
    await this.#askAll();
    await this.#until(() => isServed() || !this.#runsOf(text).some(({ running }) => running.phase === 'starting'), DECISION_MS);
    return isServed();
  }

  /**
   * Whether another window has a forward, or was first to start it: what this one has been starting since then is that one's to
   * start. Windows that open together agree on one before any of them asks for a login. Never rejects.
   */
  async precedes(text: string, since: number): Promise<boolean> {
    // Asked in the same millisecond, a window could answer that it has not begun, and then begin in it.
    if (this.#links.size > 0 && this.#clock.now() <= since) await new Promise<void>((resolve) => { this.#clock.after(TICK_MS, resolve); });
    await this.#askAll();
    return [...this.#links].some(([pid, { runs }]) => runs.some((run) => run.text === text && isBefore(run.running, pid, since)));
  }

  /** Whether a process is another window, and whether that has answered what it was asked last. */
  isWindow(pid: number): 'answering' | 'silent' | undefined {
    const link = this.#links.get(pid);
    if (link === undefined) return undefined;
    return link.isAnswered ? 'answering' : 'silent';
  }

  /** Asks something of the window that runs a forward; false when none does. */
  order(text: string, order: WindowOrder): boolean {
    const wanted = this.find(text);
    const link = [...this.#links.values()].find(({ runs }) => wanted !== undefined && runs.includes(wanted));
    if (wanted === undefined || link === undefined) return false;
    link.send({ kind: 'order', order, id: wanted.id });
    return true;
  }

  /** Whether somebody sees the numbers of the other windows: if not, they need not count for this one. */
  setLooking(isLooking: boolean): void {
    if (this.#isLooking === isLooking) return;
    this.#isLooking = isLooking;
    for (const link of this.#links.values()) link.send({ kind: 'look', isLooking });
  }

  dispose(): void {
    this.#isDisposed = true;
    this.#watcher?.close();
    this.#nextLook?.dispose();
    this.#lookSoon.dispose();
    this.#changes.dispose();
    for (const link of this.#links.values()) link.dispose();
  }

  /** Has every window say what runs in it now; one question serves all that ask in the same moment. */
  #askAll(): Promise<void> {
    this.#asking ??= this.#look().then(() => {
      this.#asking = undefined;
      for (const link of this.#links.values()) link.ask(this.#clock.now());
      return this.#until(() => !this.#isAnySilent(), PATIENCE_MS);
    });
    return this.#asking;
  }

  #runsOf(text: string): readonly WindowRun[] {
    this.#runs ??= byText([...this.#links.values()].flatMap(({ runs }) => runs));
    return this.#runs.get(text) ?? [];
  }

  #isAnySilent(): boolean {
    const since = this.#clock.now() - PATIENCE_MS;
    return [...this.#links.values()].some((link) => link.isSilentSince(since));
  }

  #watch(): void {
    try {
      this.#watcher = watch(this.#folder, { persistent: false }, () => { void this.#look(); });
      this.#watcher.on('error', () => { this.#watcher?.close(); });
    } catch {
      // Too many watchers: it is looked through now and then all the same.
    }
  }

  #lookEverySoOften(): void {
    this.#nextLook = this.#clock.after(LOOK_MS, () => {
      void this.#look();
      this.#lookEverySoOften();
    });
  }

  async #look(): Promise<void> {
    const names = this.#isPrivate ? await readdir(this.#folder).catch(() => []) : [];
    if (this.#isDisposed) return;
    for (const name of names) {
      const pid = Number(name);
      if (/^\d+$/.test(name) && pid !== process.pid && !this.#links.has(pid)) this.#connect(pid);
    }
  }

  #connect(pid: number): void {
    const link = new WindowLink(windowAddress(this.#folder, pid), {
      onReport: () => { this.#changed(NO_ORPHANS); },
      onClose: (isDead) => { this.#onClose(pid, link, isDead); },
    });
    this.#links.set(pid, link);
    link.ask(this.#clock.now());
    if (this.#isLooking) link.send({ kind: 'look', isLooking: true });
  }

  #onClose(pid: number, link: WindowLink, isDead: boolean): void {
    this.#links.delete(pid);
    if (this.#isDisposed) return;
    if (isDead) void rm(join(this.#folder, String(pid)), { force: true }).catch(() => undefined);
    else this.#lookSoon.ask();
    // What was being stopped there, or had failed, nobody waits for.
    const left = link.runs.filter(({ running }) => isActive(running) && running.phase !== 'stopping');
    this.#changed({ orphans: new Set(left.map(({ text }) => text)) });
  }

  #changed(change: WindowsChange): void {
    this.#runs = undefined;
    this.#changes.fire(change);
  }

  /** Settles when it is so, or after a while. */
  #until(isSo: () => boolean, patienceMs: number): Promise<void> {
    if (isSo() || this.#isDisposed) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        timer.dispose();
        subscription.dispose();
        resolve();
      };
      const timer = this.#clock.after(patienceMs, end);
      const subscription = this.#changes.event(() => { if (isSo()) end(); });
    });
  }
}

function isBound({ running }: WindowRun): boolean {
  return boundOf(running) !== undefined;
}

/** Of two that start for the first time, it is the earlier one; the process decides between those of the same millisecond. */
function isBefore(running: ToldState, pid: number, since: number): boolean {
  if (!isActive(running) || running.phase === 'stopping') return false;
  if (running.phase !== 'starting' || running.bound !== undefined || running.outage !== undefined) return true;
  return running.since < since || (running.since === since && pid < process.pid);
}

function byText(runs: readonly WindowRun[]): ReadonlyMap<string, readonly WindowRun[]> {
  const found = new Map<string, WindowRun[]>();
  for (const run of runs) {
    const same = found.get(run.text);
    if (same === undefined) found.set(run.text, [run]);
    else same.push(run);
  }
  return found;
}

import * as vscode from 'vscode';
import { EventEmitter, type Event } from '../core/event.ts';
import { ForwardError, toFailure } from '../core/failure.ts';
import type { ForwardDefinition } from '../core/forward.ts';
import type { EntryProblem } from '../core/forwardEntry.ts';
import { readEntries, updateEntries } from '../core/forwardEntry.ts';
import type { ForwardModel } from '../core/forwardModel.ts';
import { DisposableStore, type Disposable } from '../core/lifecycle.ts';
import { SECTION, SETTINGS } from './contributions.ts';
import { withoutLinks } from './format.ts';
import type { Log } from './log.ts';

/** Keeps the user's forwards and the setting `culvert.forwards` the same, in both directions. */
export class ForwardStore implements Disposable {
  readonly #model: ForwardModel;
  readonly #log: Log;
  readonly #owned = new DisposableStore();
  readonly #problemChanges = new EventEmitter<void>();
  #problems: readonly EntryProblem[] = [];
  #isLoading = false;
  #saving: Promise<void> = Promise.resolve();
  #pendingSaves = 0;
  /** The last save failed: the model has what the setting lacks. */
  #isUnsaved = false;
  /** What the setting holds after the last save, as JSON. */
  #saved = '';
  /** Every forward of the user that the model has had: what is not among them was added to the setting by somebody else. */
  readonly #known = new Set<string>();
  #hasNews = false;
  /** The user's forwards as the setting has them, by reference. */
  #kept: readonly ForwardDefinition[] = [];

  readonly onDidChangeProblems: Event<void> = this.#problemChanges.event;

  constructor(model: ForwardModel, log: Log) {
    this.#model = model;
    this.#log = log;
    this.#load();
    this.#owned.add(vscode.workspace.onDidChangeConfiguration((change) => {
      if (!change.affectsConfiguration(`${SECTION}.${SETTINGS.forwards}`) || this.#pendingSaves > 0) return;
      // What could not be saved is not lost when the file is mended: it is saved now, with what is new in the file.
      if (this.#isUnsaved) this.#queueSave();
      else this.#load();
    }));
    this.#owned.add(model.onDidChange((change) => { if (change.kind === 'definitions' && !this.#isLoading && !this.#isKept) this.#queueSave(); }));
  }

  /** The entries of the setting that are no forwards. */
  get problems(): readonly EntryProblem[] {
    return this.#problems;
  }

  dispose(): void {
    this.#owned.dispose();
  }

  #load(): void {
    const { definitions, problems } = readEntries(readSetting());
    for (const { label, message } of problems) this.#log.write('warn', `culvert.forwards: ${label}: ${message}`);
    this.#problems = problems;
    this.#hasNews = false;
    this.#remember(definitions);
    this.#isLoading = true;
    this.#model.replaceUserForwards(definitions);
    this.#isLoading = false;
    this.#kept = this.#ofUser;
    this.#problemChanges.fire();
  }

  /** While saves are under way the setting lags behind the model, so it is not read back until the last one is done. */
  #queueSave(): void {
    this.#pendingSaves += 1;
    this.#saving = this.#saveAfter(this.#saving).catch((error: unknown) => {
      this.#log.write('error', `Could not keep the forwards: ${toFailure(error).detail}`);
    });
  }

  async #saveAfter(before: Promise<void>): Promise<void> {
    await before;
    try {
      await this.#save();
    } finally {
      this.#pendingSaves -= 1;
      if (this.#pendingSaves === 0 && (this.#hasNews || JSON.stringify(readSetting() ?? []) !== this.#saved)) this.#load();
    }
  }

  async #save(): Promise<void> {
    const definitions = this.#ofUser;
    this.#remember(definitions);
    const before = readSetting();
    // Written by hand, or by another window, while a save was under way: it is not this window's to take out.
    const news = readEntries(before).definitions.filter(({ id }) => !this.#known.has(id));
    this.#hasNews ||= news.length > 0;
    const after = updateEntries(before, [...definitions, ...news]);
    this.#saved = JSON.stringify(after);
    if (JSON.stringify(before ?? []) === this.#saved) {
      this.#isUnsaved = false;
      this.#kept = definitions;
      return;
    }
    try {
      // Whatever it is meant to be, it is the user's: it is not replaced by a list.
      if (before !== undefined && before !== null && !Array.isArray(before)) throw new ForwardError('config-invalid', 'culvert.forwards is not a list.');
      await vscode.workspace.getConfiguration(SECTION).update(SETTINGS.forwards, after, vscode.ConfigurationTarget.Global);
      this.#isUnsaved = false;
      this.#kept = definitions;
    } catch (error) {
      this.#isUnsaved = true;
      this.#saved = JSON.stringify(readSetting() ?? []);
      const reason = toFailure(error).detail;
      this.#log.write('error', `Could not save the forwards: ${reason}`);
      void vscode.window.showErrorMessage(withoutLinks(`The forwards could not be saved to your settings, and last until the editor closes: ${reason}`));
    }
  }

  get #ofUser(): readonly ForwardDefinition[] {
    return this.#model.forwards.map(({ definition }) => definition).filter(({ origin }) => origin === 'user');
  }

  /** What ssh_config or another extension offers is not the setting's, and reading that anew takes its time. */
  get #isKept(): boolean {
    const now = this.#ofUser;
    return !this.#isUnsaved && this.#pendingSaves === 0 && now.length === this.#kept.length && now.every((definition, index) => definition === this.#kept[index]);
  }

  #remember(definitions: readonly ForwardDefinition[]): void {
    for (const { id } of definitions) this.#known.add(id);
  }
}

function readSetting(): unknown {
  return vscode.workspace.getConfiguration(SECTION).inspect(SETTINGS.forwards)?.globalValue;
}

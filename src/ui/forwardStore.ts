import * as vscode from 'vscode';
import { EventEmitter, type Event } from '../core/event.ts';
import type { EntryProblem } from '../core/forwardEntry.ts';
import { readEntries, updateEntries } from '../core/forwardEntry.ts';
import type { ForwardModel } from '../core/forwardModel.ts';
import { DisposableStore, type Disposable } from '../core/lifecycle.ts';
import { SECTION, SETTINGS } from './contributions.ts';
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
  /** What the setting holds after the last save, as JSON. */
  #saved = '';

  readonly onDidChangeProblems: Event<void> = this.#problemChanges.event;

  constructor(model: ForwardModel, log: Log) {
    this.#model = model;
    this.#log = log;
    this.#load();
    this.#owned.add(vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration(`${SECTION}.${SETTINGS.forwards}`) && this.#pendingSaves === 0) this.#load();
    }));
    this.#owned.add(model.onDidChange((change) => { if (change.kind === 'definitions' && !this.#isLoading) this.#queueSave(); }));
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
    this.#isLoading = true;
    this.#model.replaceUserForwards(definitions);
    this.#isLoading = false;
    this.#problemChanges.fire();
  }

  /** While saves are under way the setting lags behind the model, so it is not read back until the last one is done. */
  #queueSave(): void {
    this.#pendingSaves += 1;
    this.#saving = this.#saving.then(() => this.#save()).finally(() => {
      this.#pendingSaves -= 1;
      if (this.#pendingSaves === 0 && JSON.stringify(readSetting() ?? []) !== this.#saved) this.#load();
    });
  }

  async #save(): Promise<void> {
    const definitions = this.#model.forwards.map(({ definition }) => definition).filter(({ origin }) => origin === 'user');
    const before = readSetting();
    const after = updateEntries(before, definitions);
    this.#saved = JSON.stringify(after);
    if (JSON.stringify(before ?? []) === this.#saved) return;
    try {
      await vscode.workspace.getConfiguration(SECTION).update(SETTINGS.forwards, after, vscode.ConfigurationTarget.Global);
    } catch (error) {
      this.#saved = JSON.stringify(readSetting() ?? []);
      const reason = error instanceof Error ? error.message : String(error);
      this.#log.write('error', `Could not save the forwards: ${reason}`);
      void vscode.window.showErrorMessage(`The forwards could not be saved to your settings: ${reason} They run until the editor closes.`);
    }
  }
}

function readSetting(): unknown {
  return vscode.workspace.getConfiguration(SECTION).inspect(SETTINGS.forwards)?.globalValue;
}

import * as vscode from 'vscode';
import type { Diagnosis, RungStatus } from '../core/diagnosis.ts';
import type { Forward } from '../core/forward.ts';
import type { ForwardModel } from '../core/forwardModel.ts';
import { DisposableStore, type Disposable } from '../core/lifecycle.ts';
import { COMMANDS, DIAGNOSIS_SCHEME } from './contributions.ts';
import type { Diagnoser } from './diagnoser.ts';
import { formatDiagnosis, type DiagnosisText } from './diagnosisText.ts';
import { explain, remediesFor, type Remedy } from './messages.ts';
import { titleOf } from './present.ts';
import { applyRemedy, titleOfRemedy, type RemedyActions } from './remedies.ts';

/** For the buttons over a report alone; not in the palette. */
const APPLY_REMEDY = 'culvert.applyRemedy';
const STOP_DIAGNOSIS = 'culvert.stopDiagnosis';

/** The report about one forward: a read-only document that grows as the ladder is climbed. */
interface Sheet {
  readonly uri: vscode.Uri;
  readonly forward: Forward;
  readonly controller: AbortController;
  diagnosis: Diagnosis | undefined;
  shown: DiagnosisText;
}

const COLORS: Readonly<Record<RungStatus, string>> = {
  waiting: 'descriptionForeground', skipped: 'descriptionForeground', running: 'charts.blue', passed: 'testing.iconPassed', doubtful: 'charts.yellow', failed: 'testing.iconFailed',
};

/** Shows diagnoses in editor tabs, one for each forward; closing the tab ends what is under way. */
export class DiagnosisView implements vscode.TextDocumentContentProvider, vscode.CodeLensProvider, Disposable {
  readonly #model: ForwardModel;
  readonly #diagnoser: Diagnoser;
  readonly #sheets = new Map<string, Sheet>();
  readonly #owned = new DisposableStore();
  readonly #contents = this.#owned.add(new vscode.EventEmitter<vscode.Uri>());
  readonly #lenses = this.#owned.add(new vscode.EventEmitter<void>());
  readonly #decorations = new Map<RungStatus, vscode.TextEditorDecorationType>();
  readonly #bold = this.#owned.add(vscode.window.createTextEditorDecorationType({ fontWeight: 'bold' }));

  readonly onDidChange = this.#contents.event;
  readonly onDidChangeCodeLenses = this.#lenses.event;

  constructor(model: ForwardModel, diagnoser: Diagnoser, actions: RemedyActions) {
    this.#model = model;
    this.#diagnoser = diagnoser;
    for (const [status, color] of Object.entries(COLORS)) {
      this.#decorations.set(status as RungStatus, this.#owned.add(vscode.window.createTextEditorDecorationType({ color: new vscode.ThemeColor(color) })));
    }
    this.#owned.add(vscode.workspace.registerTextDocumentContentProvider(DIAGNOSIS_SCHEME, this));
    this.#owned.add(vscode.languages.registerCodeLensProvider({ scheme: DIAGNOSIS_SCHEME }, this));
    this.#owned.add(vscode.workspace.onDidChangeTextDocument(({ document }) => { this.#decorate(document); }));
    this.#owned.add(vscode.window.onDidChangeVisibleTextEditors((editors) => { for (const { document } of editors) this.#decorate(document); }));
    this.#owned.add(vscode.window.tabGroups.onDidChangeTabs(({ closed }) => { for (const tab of closed) this.#onTabClosed(tab); }));
    this.#owned.add(vscode.commands.registerCommand(APPLY_REMEDY, (id: string, remedy: Remedy) => applyRemedy(this.#model, id, remedy, actions)));
    this.#owned.add(vscode.commands.registerCommand(STOP_DIAGNOSIS, (uri: string) => { this.#sheets.get(uri)?.controller.abort(); }));
  }

  /** Begins a diagnosis, anew where one is shown, and shows its report. */
  async show(forwardId: string): Promise<void> {
    const forward = this.#model.get(forwardId);
    if (forward === undefined) return;
    // The last part of the path is the title of the tab.
    const uri = vscode.Uri.from({ scheme: DIAGNOSIS_SCHEME, path: `Why doesn't it work? ${titleOf(forward).replaceAll('/', '∕')}`, query: forwardId });
    this.#sheets.get(uri.toString())?.controller.abort();
    const sheet: Sheet = { uri, forward, controller: new AbortController(), diagnosis: undefined, shown: { text: '', marks: [], titles: [], verdictLine: 0 } };
    this.#sheets.set(uri.toString(), sheet);
    void this.#diagnoser.run(forward, (diagnosis) => { this.#update(sheet, diagnosis); }, sheet.controller.signal).then(() => {
      vscode.window.setStatusBarMessage(sheet.shown.text.split('\n')[sheet.shown.verdictLine] ?? '', 5_000);
    });
    const document = await vscode.workspace.openTextDocument(uri);
    // A forward may be called as a program's file is.
    if (document.languageId !== 'plaintext') await vscode.languages.setTextDocumentLanguage(document, 'plaintext');
    await vscode.window.showTextDocument(document, { preview: false });
    this.#decorate(document);
  }

  /** The forward that a report is about; undefined for what is no report. */
  forwardIdOf(uri: unknown): string | undefined {
    return uri instanceof vscode.Uri && uri.scheme === DIAGNOSIS_SCHEME ? uri.query : undefined;
  }

  /** Copies a report, the one that is looked at unless told otherwise. */
  async copyReport(uri: unknown): Promise<void> {
    const of = uri instanceof vscode.Uri ? uri : vscode.window.activeTextEditor?.document.uri;
    const sheet = of === undefined ? undefined : this.#sheets.get(of.toString());
    if (sheet === undefined) {
      void vscode.window.showInformationMessage('There is no report to copy. "Why Doesn\'t It Work?" makes one.');
      return;
    }
    await vscode.env.clipboard.writeText(sheet.shown.text);
    vscode.window.setStatusBarMessage('Copied the report', 5_000);
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.#sheets.get(uri.toString())?.shown.text ?? 'This report is from before; run "Culvert: Why Doesn\'t It Work?" again.\n';
  }

  provideCodeLenses({ uri }: vscode.TextDocument): vscode.CodeLens[] {
    const sheet = this.#sheets.get(uri.toString());
    if (sheet === undefined) return [];
    const range = new vscode.Range(sheet.shown.verdictLine, 0, sheet.shown.verdictLine, 0);
    return this.#buttons(sheet).map((command) => new vscode.CodeLens(range, command));
  }

  dispose(): void {
    for (const { controller } of this.#sheets.values()) controller.abort();
    this.#sheets.clear();
    this.#owned.dispose();
  }

  #update(sheet: Sheet, diagnosis: Diagnosis): void {
    if (this.#sheets.get(sheet.uri.toString()) !== sheet) return;
    sheet.diagnosis = diagnosis;
    sheet.shown = formatDiagnosis(sheet.forward, diagnosis);
    this.#contents.fire(sheet.uri);
    this.#lenses.fire();
  }

  #buttons({ uri, forward, diagnosis }: Sheet): vscode.Command[] {
    const { definition, state } = forward;
    if (diagnosis === undefined || diagnosis.outcome === 'running') return [{ title: 'Stop', command: STOP_DIAGNOSIS, arguments: [uri.toString()] }];
    const remedies = diagnosis.failure === undefined ? [] : remediesFor(definition, explain(diagnosis.failure).remedies);
    const isIdle = state.phase === 'stopped' || state.phase === 'failed';
    return [
      ...remedies.map((remedy) => ({ title: titleOfRemedy(remedy, state), command: APPLY_REMEDY, arguments: [definition.id, remedy] })),
      ...(diagnosis.outcome === 'passed' && isIdle ? [{ title: 'Start', command: COMMANDS.start, arguments: [definition.id] }] : []),
      { title: 'Look Again', command: COMMANDS.diagnose, arguments: [definition.id] },
      { title: 'Copy Report', command: COMMANDS.copyReport, arguments: [uri] },
    ];
  }

  /** The marks in colour; each says the same in its shape and in a word. */
  #decorate(document: vscode.TextDocument): void {
    const shown = this.#sheets.get(document.uri.toString())?.shown;
    // The document follows the report a moment later.
    if (shown?.text !== document.getText()) return;
    for (const editor of vscode.window.visibleTextEditors) {
      if (editor.document !== document) continue;
      for (const [status, decoration] of this.#decorations) {
        const lines = shown.marks.filter((mark) => mark.status === status).map(({ line }) => line);
        editor.setDecorations(decoration, lines.map((line) => markRange(document, line, status)));
      }
      editor.setDecorations(this.#bold, shown.titles.map((line) => document.lineAt(line).range));
    }
  }

  #onTabClosed(tab: vscode.Tab): void {
    const uri = uriOf(tab)?.toString();
    if (uri === undefined) return;
    const isElsewhere = vscode.window.tabGroups.all.some(({ tabs }) => tabs.some((other) => uriOf(other)?.toString() === uri));
    if (isElsewhere) return;
    this.#sheets.get(uri)?.controller.abort();
    this.#sheets.delete(uri);
  }
}

/** What was not reached steps back as a whole, what failed stands out as a whole; of the rest only the mark. */
function markRange(document: vscode.TextDocument, line: number, status: RungStatus): vscode.Range {
  const { range, firstNonWhitespaceCharacterIndex: start } = document.lineAt(line);
  const isWhole = status === 'waiting' || status === 'skipped' || status === 'failed';
  return isWhole ? range : new vscode.Range(line, start, line, start + 1);
}

function uriOf({ input }: vscode.Tab): vscode.Uri | undefined {
  return input instanceof vscode.TabInputText && input.uri.scheme === DIAGNOSIS_SCHEME ? input.uri : undefined;
}

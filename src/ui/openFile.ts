import * as vscode from 'vscode';

/** Shows a file of this computer in the editor, at a line that counts from 1. */
export async function openFile(path: string, line: number | undefined): Promise<void> {
  const position = line === undefined ? undefined : new vscode.Position(line - 1, 0);
  const options = position === undefined ? {} : { selection: new vscode.Range(position, position) };
  await vscode.window.showTextDocument(vscode.Uri.file(path), options);
}

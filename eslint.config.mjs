import { relative, sep } from 'node:path';
import tseslint from 'typescript-eslint';
import { importComplaint } from './test/support/rooms.mjs';

const root = import.meta.dirname;

/**
 * Holds each import against the room table.
 * @type {import('eslint').Rule.RuleModule}
 */
const roomsRule = {
  meta: { type: 'problem', messages: { room: '{{ complaint }}' } },
  create(context) {
    const importer = relative(root, context.filename).split(sep).join('/');
    /**
     * @param {import('eslint').Rule.Node} node
     * @param {unknown} specifier
     * @param {boolean} [isTypeOnly]
     */
    const check = (node, specifier, isTypeOnly = false) => {
      if (typeof specifier !== 'string') return;
      const complaint = importComplaint(importer, specifier, isTypeOnly);
      if (complaint !== undefined) context.report({ node, messageId: 'room', data: { complaint } });
    };
    /** @param {any} node */
    const checkDeclaration = (node) => check(node, node.source?.value, node.importKind === 'type' || node.exportKind === 'type');
    return {
      ImportDeclaration: checkDeclaration,
      ExportNamedDeclaration: checkDeclaration,
      ExportAllDeclaration: checkDeclaration,
      /** @param {any} node */
      ImportExpression: (node) => check(node, node.source.value),
      /** @param {any} node */
      TSImportType: (node) => check(node, node.source.value, true),
    };
  },
};

const timers = 'Time comes from a Clock (src/core/ports.ts); the machine\'s own is src/system/clock.ts.';
const purity = 'src/core is pure: time, chance and the world come in through src/core/ports.ts.';

/** @param {readonly string[]} names @param {string} message */
const banGlobals = (names, message) => names.map((name) => ({ name, message }));

const timerGlobals = banGlobals(['setTimeout', 'setInterval', 'setImmediate'], timers);

export default tseslint.config(
  { ignores: ['dist', 'node_modules', '.vscode-test', 'test-results', 'coverage'] },
  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: root } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: 'error',
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true } }],
      'object-shorthand': 'error',
      'prefer-const': 'error',
      'max-lines': ['error', { max: 400 }],
      'max-lines-per-function': ['error', { max: 60 }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true, ignoreVoidOperator: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // An async function without await still turns a throw into a rejection, which callers rely on.
      '@typescript-eslint/require-await': 'off',
      // The interfaces here are implemented by classes with private state; a function type says it shorter at times.
      '@typescript-eslint/consistent-type-definitions': 'off',
      // A key of a record may stay in brackets, as data; a property of a type may not.
      '@typescript-eslint/dot-notation': ['error', { allowIndexSignaturePropertyAccess: true }],
      '@typescript-eslint/prefer-readonly': 'error',
      '@typescript-eslint/no-import-type-side-effects': 'error',
    },
  },
  {
    files: ['src/**/*.ts'],
    plugins: { culvert: { rules: { rooms: roomsRule } } },
    rules: {
      'culvert/rooms': 'error',
      'no-console': 'error',
      'no-restricted-globals': ['error', ...timerGlobals],
    },
  },
  {
    files: ['src/core/**/*.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        ...timerGlobals,
        ...banGlobals(['Date', 'performance', 'crypto', 'process', 'Buffer', 'fetch', 'global', 'globalThis', 'require'], purity),
      ],
      'no-restricted-properties': ['error', { object: 'Math', property: 'random', message: purity }],
    },
  },
  {
    files: ['src/plane/**/*.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'The environment is read on the control side and sent through src/protocol.' },
      ],
    },
  },
  { files: ['src/system/clock.ts'], rules: { 'no-restricted-globals': 'off' } },
  {
    files: ['test/**/*.ts'],
    rules: {
      'max-lines-per-function': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-empty-function': 'off',
    },
  },
  {
    // Plain JavaScript, type-checked by tsc; the parsed JSON and error values in it are any by nature.
    files: ['**/*.mjs', '**/*.cjs'],
    extends: [tseslint.configs.disableTypeChecked],
    rules: { 'no-restricted-exports': 'off' },
  },
  { files: ['test/e2e/playwright.config.ts'], rules: { 'no-restricted-exports': 'off' } },
);

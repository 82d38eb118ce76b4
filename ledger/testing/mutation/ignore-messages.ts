import { declareValuePlugin, PluginKind } from '@stryker-mutator/api/plugin';

/** What is looked at here of a syntax tree. */
interface SyntaxNode {
  readonly callee?: { readonly name?: string };
  readonly arguments?: readonly SyntaxNode[];
}

interface Place {
  readonly node: SyntaxNode;
  readonly parent: SyntaxNode | null;
}

/** Which argument of these describes what is broken, counted from 0. */
const TEXT_ARGUMENT: ReadonlyMap<string | undefined, number> = new Map([
  ['assert', 1],
  ['must', 1],
  ['InvariantError', 0],
]);

/**
 * Leaves the texts of broken invariants as they are. Only a person reads them, after the process
 * has ended, and a test of their wording would prove nothing. All other texts are stored, hashed
 * or answered, hence changes of them count.
 */
export const strykerPlugins = [
  declareValuePlugin(PluginKind.Ignore, 'messages', {
    shouldIgnore({ node, parent }: Place) {
      const position = TEXT_ARGUMENT.get(parent?.callee?.name);
      if (position === undefined || parent?.arguments?.[position] !== node) return undefined;
      return 'the text of a broken invariant';
    },
  }),
];

import { getOption } from '@bufbuild/protobuf';
import { Permission } from '../../../proto/gen/meridian/v1/permission.ts';
import { must } from '../../core/assert.ts';
import { descriptors } from '../descriptors.ts';

/** The option of a method that names the permission. */
const OPTION = must(descriptors.getExtension('meridian.v1.permission'), 'the protocol has it');

const byPath: ReadonlyMap<string, Permission> = new Map(
  [...descriptors].flatMap((type) => {
    if (type.kind !== 'service' || !type.typeName.startsWith('meridian.')) return [];
    return type.methods.map((method) => {
      const declared: unknown = getOption(method, OPTION);
      return [`/${type.typeName}/${method.name}`, permissionFrom(declared)] as const;
    });
  }),
);

/** What a caller of the method at a path needs; UNSPECIFIED, which no role has, if it declares none. */
export const permissionOf = (path: string): Permission =>
  byPath.get(path) ?? Permission.UNSPECIFIED;

/** The paths of all methods of Meridian's own services. */
export const ownPaths: readonly string[] = [...byPath.keys()];

function permissionFrom(declared: unknown): Permission {
  const known: readonly unknown[] = Object.values(Permission);
  const isKnown = (value: unknown): value is Permission => known.includes(value);
  return isKnown(declared) ? declared : Permission.UNSPECIFIED;
}

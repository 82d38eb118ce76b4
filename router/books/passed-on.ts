import { type ServiceError, status } from '@grpc/grpc-js';
import { reasonOf, RpcError } from '../../ledger/rpc/error.ts';

/** A ledger server's error with its details, without this process's stack and metadata. */
export function passedOn(error: ServiceError): RpcError {
  const passed = new RpcError(error.code, error.details);
  for (const value of error.metadata.get('grpc-status-details-bin')) {
    passed.metadata.add('grpc-status-details-bin', value);
  }
  return passed;
}

/** True if there was no answer in time, whether the server reports that or sends nothing. */
export function isOwnDeadline(error: ServiceError): boolean {
  if (error.code !== status.DEADLINE_EXCEEDED) return false;
  const hasDetails = error.metadata.get('grpc-status-details-bin').length > 0;
  return !hasDetails || reasonOf(passedOn(error)) === 'OUTCOME_UNKNOWN';
}

/** True if the server was lost or cannot answer now, and another one can be asked. */
export function isLoss({ code, details }: ServiceError): boolean {
  if (code === status.INTERNAL) return details.includes('RST_STREAM');
  return code === status.UNAVAILABLE || code === status.ABORTED || code === status.CANCELLED;
}

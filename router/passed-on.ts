import { type ServiceError, status } from '@grpc/grpc-js';
import { RpcError } from '../ledger/rpc/error.ts';

/** A ledger server's error with its details, without this process's stack and metadata. */
export function passedOn(error: ServiceError): RpcError {
  const passed = new RpcError(error.code, error.details);
  for (const value of error.metadata.get('grpc-status-details-bin')) {
    passed.metadata.add('grpc-status-details-bin', value);
  }
  return passed;
}

/** True if no server says so: its answer did not come in time. */
export function isOwnDeadline({ code, metadata }: ServiceError): boolean {
  const said = metadata.get('grpc-status-details-bin').length > 0;
  return code === status.DEADLINE_EXCEEDED && !said;
}

/** True if the server was lost or cannot answer now, and another one can be asked. */
export function isLoss({ code, details }: ServiceError): boolean {
  if (code === status.INTERNAL) return details.includes('RST_STREAM');
  return code === status.UNAVAILABLE || code === status.ABORTED || code === status.CANCELLED;
}

import { type Objection, textOf } from '../../operator/objection.ts';
import { AbortedDrill, type Scenario } from '../scenario.ts';

export const plannedEvacuationAndFailback: Scenario = {
  name: 'planned-evacuation-and-failback',
  hypothesis:
    'A region can be emptied and filled again while payments go on: the writes of its books ' +
    'pause for less than 3 s each time, and no caller sees an error.',
  breaks: 'nothing: the operator moves every book out of one region, and home again',
  steps: [
    'wait until nothing speaks against the evacuation',
    'evacuate the region: drain it and switch its books over',
    'stay away for 5 s',
    'fail back: undrain it and switch its books home',
  ],
  abortConditions: ['the evacuation is refused or does not succeed'],
  affected: 'led-there',
  healthy: 'others',
  limits: { pauseMs: 3_000, noErrors: true, collateralMs: 1_000 },
  notTested: ['switching the region off in between', 'load balancers in front of the routers'],
  async run(drill) {
    const { region, operator, acting } = drill;
    let objections: readonly Objection[] = [];
    const mayGo = await drill.until(async () => {
      const plan = await operator.plan({ kind: 'evacuate', region });
      objections = [...plan.objections, ...plan.impossible];
      return objections.length === 0;
    }, 30_000);
    if (!mayGo) throw new AbortedDrill(`the evacuation is refused: ${textOf(objections)}`);
    drill.mark('injected', `the operator evacuates ${region}`, { region });
    await operator.make({ kind: 'evacuate', region }, acting);
    drill.mark('other', `${region} is empty`, { region });
    await drill.pause(5_000);
    drill.mark('other', `the operator fails back to ${region}`, { region });
    await operator.make({ kind: 'failback', region }, acting);
    drill.mark('healed', `${region} has its books again`, { region });
  },
};

"""The tokens that the AWS CLI makes: one a line, for each line of JSON on standard input.

The CLI's own classes make them, as `aws eks get-token` does, but all in one process and each at a time that it is told.
"""

import json
import os
import sys
from datetime import datetime, timezone

# Leads all that asks for `botocore` to the copy inside the AWS CLI.
import awscli
import botocore.auth
import botocore.session
from awscli.customizations.eks.get_token import STSClientFactory, TokenGenerator

# The models of all services are large, and the same in each session.
LOADER = botocore.session.get_session().get_component('data_loader')


def token(case):
    # A session reads the environment once, so each case has its own.
    os.environ['AWS_USE_FIPS_ENDPOINT'] = str(case['fips'])
    os.environ['AWS_USE_DUALSTACK_ENDPOINT'] = str(case['dualStack'])
    session = botocore.session.get_session()
    session.register_component('data_loader', LOADER)
    session.set_credentials(case['accessKeyId'], case['secretAccessKey'], case['sessionToken'])
    now = datetime.fromtimestamp(case['epochSeconds'], timezone.utc).replace(tzinfo=None)
    botocore.auth.get_current_datetime = lambda: now
    client = STSClientFactory(session).get_sts_client(region_name=case['region'])
    return TokenGenerator(client).get_token(case['cluster'])


for line in sys.stdin:
    print(token(json.loads(line)))

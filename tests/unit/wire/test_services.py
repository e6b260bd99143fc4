import subprocess
import sys

import pytest

from isthmus.domain.errors import ApiError
from isthmus.wire import services
from isthmus.wire.services import EC2, IAM, STS


@pytest.mark.rule("S112")
def test_the_namespace_is_that_of_the_version_asked_for() -> None:
    assert EC2.namespace("2016-11-15") == "http://ec2.amazonaws.com/doc/2016-11-15/"
    assert EC2.namespace("2014-10-01") == "http://ec2.amazonaws.com/doc/2014-10-01/"


@pytest.mark.rule("I38")
def test_the_query_services_have_their_own_namespaces() -> None:
    assert STS.namespace(STS.version) == "https://sts.amazonaws.com/doc/2011-06-15/"
    assert IAM.namespace(IAM.version) == "https://iam.amazonaws.com/doc/2010-05-08/"


@pytest.mark.rule("S129")
def test_a_version_that_no_model_carries_is_refused() -> None:
    with pytest.raises(ApiError) as caught:
        EC2.check_version("2011-06-15")
    assert (caught.value.code, caught.value.message) == (
        "NoSuchVersion",
        "The requested version (2011-06-15) is not valid.",
    )


@pytest.mark.parametrize("version", ["2014-10-01", "2016-11-15", *services.EC2_VERSIONS])
def test_every_dated_version_of_a_public_model_is_answered(version: str) -> None:
    assert EC2.check_version(version) == version
    assert services.BY_VERSION[version] is EC2


def test_a_version_names_one_service() -> None:
    assert len(services.BY_VERSION) == sum(len(service.versions) for service in services.BY_NAME.values())


def test_each_default_version_is_answered() -> None:
    assert all(service.version in service.versions for service in services.BY_NAME.values())


def test_each_service_speaks_what_is_listed() -> None:
    assert EC2.has("CreateVpcPeeringConnection")
    assert STS.has("GetCallerIdentity")
    assert not EC2.has("GetCallerIdentity")
    assert IAM.has("CreateUser")
    assert not IAM.has("CreateVpc")


def test_generated_modules_load_only_when_they_are_used() -> None:
    script = (
        "import sys; from isthmus.wire import decode, encode, faults, services;"
        "assert not [name for name in sys.modules if name.startswith('isthmus.wire.shapes.')];"
        "decode.decode(services.STS, 'GetCallerIdentity', {});"
        "assert 'isthmus.wire.shapes.ec2' not in sys.modules;"
        "assert 'botocore' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)

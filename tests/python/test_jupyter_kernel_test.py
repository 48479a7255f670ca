"""The Jupyter project's own conformance tests, with Rust cells."""

import tempfile

import jupyter_kernel_test

from harness import House, Kernel


class TestConformance(jupyter_kernel_test.KernelTests):
    """Everything."""

    kernel_name = "sealbook"
    language_name = "rust"
    file_extension = ".rs"
    code_hello_world = 'println!("hello, world");'
    code_stderr = 'eprintln!("planted on stderr");'
    completion_samples = [{"text": "let v: Vec<i32> = Vec::new(); v.is_emp", "matches": {"is_empty"}}]
    complete_code_samples = ["1", 'println!("hello");', "fn f() -> i32 { 1 }", "let x = 5;"]
    incomplete_code_samples = ["fn f() {", 'println!("hello"', "let x = vec![1,", "/* a comment"]
    invalid_code_samples = ["fn f() }", "let x = );"]
    code_generate_error = 'panic!("on purpose");'
    code_execute_result = [
        {"code": "6 * 7", "result": "42"},
        {"code": '"a".to_string() + "b"', "result": '"ab"'},
        {"code": "vec![1, 2]", "result": "[1, 2]"},
        {"code": "6 * 7", "result": "42"},
        {"code": "6 * 7", "result": "42"},
    ]
    code_display_data = [{"code": 'display_html("<b>hello</b>");', "mime": "text/html"}]
    code_history_pattern = "6?*7*"
    supported_history_operations = ("tail", "range", "search")
    code_inspect_sample = "Vec::new"
    code_page_something = "?Vec::new"
    code_clear_output = "clear_output(false);"

    @classmethod
    def setUpClass(cls):
        cls.house = House(tempfile.mkdtemp(prefix="house-"))
        cls.house.install()
        cls.kernel = Kernel(cls.house).__enter__()
        cls.km, cls.kc = cls.kernel.manager, cls.kernel.client
        # The samples are asked once each; a kernel that is still reading the standard library answers with nothing.
        cls.kernel.complete("let v = vec![1]; v.is_emp", 25)

    @classmethod
    def tearDownClass(cls):
        cls.kernel.stop()
        report = cls.house.search()
        cls.house.remove()
        assert not report.findings, report.text()


class TestIopubWelcome(jupyter_kernel_test.IopubWelcomeTests):
    """The first message on iopub."""

    kernel_name = "sealbook"
    support_iopub_welcome = True

    @classmethod
    def setUpClass(cls):
        cls.house = House(tempfile.mkdtemp(prefix="house-"))
        cls.house.install()
        cls.kernel = Kernel(cls.house)
        cls.km = cls.kernel.manager
        cls.km.start_kernel(env=cls.kernel.environment, cwd=str(cls.house.notebooks))
        # Of the test's own kind: its `get_iopub_msg` blocks.
        cls.kc = cls.km.blocking_client()
        cls.kernel.client = cls.kc

    @classmethod
    def tearDownClass(cls):
        cls.kernel.stop()
        cls.house.remove()

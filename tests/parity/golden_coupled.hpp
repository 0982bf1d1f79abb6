/// \file
/// The digests of the coupled models: a change of any bit shows here. `coupled_test --print-golden`
/// prints this table as the build computes it.
#pragma once

namespace sharpsweep::golden {

struct CoupledCase {
  const char* settings; ///< "key = value; ..."
  const char* f32;      ///< SHA-256, lower-case hexadecimal
  const char* f64;
  const char* theory; ///< of the predictions, of which precision is no part
};

inline constexpr CoupledCase kCoupledCases[] = {
    {"model = sam_classification; depth = range(1,16); rule = gd,linf,l2; clock = "
     "logistic,rescaled; alpha = 0.7,1.3; steps = 200",
     "f9535af9e04943b2cb766a928b7e66189467d540102949fd20b18d9bb313e0fe",
     "638052364ea8d18cb16f273cfd6e2b93f02cce883495a76475081c5e4a7e3bef",
     "82e7965ee93330aa27c10ff1cdb708bd623f928cee948cff79d82ace53176e3a"},
    {"model = sam_classification; depth = 2,3; rule = gd,linf,l2; clock = logistic,rescaled; "
     "alpha_1 = 0.4,1.2; alpha_2 = 0.6,1.5; first_factor = 0.7; last_factor = 1.4; examples = "
     "+(1,2),-(-0.5,0.25),+(2,0.125); steps = 300",
     "0c697364b102970ae28b3e443550ed7e4a5efb78acf053db6850713749647b9f",
     "0fed08792626e2bc0fd64461983dcebc4096e234906611fdc84176d9d6f96e5d",
     "2ec55e277b96c45d75643bcf87c6b20c6fc606dbd0f5c29fa7b6ce1bf85cab1c"},
    {"model = sam_quadratic; arithmetic = log,plain; lambda_2 = lin(0.1,0.9,5); step_size = "
     "lin(0.2,1.8,5); steps = 300",
     "8cf07763a7921daa3e1c23b5aff279927888ddc6c18ce250d398c8cb76b450b5",
     "bdcef63c76692dea42fc2b2349cec364a09ba9a2857241afbec43e807f74ecde",
     "85ce149ed77556d9a1193673801e5b96dc8cd614b29969de08c9ac2f34cdc020"},
    {"model = sam_quadratic; spectrum = "
     "1,0.9,0.85,0.8,0.7,0.65,0.6,0.5,0.45,0.4,0.35,0.3,0.25,0.2,0.15,0.1,0.05; arithmetic = "
     "log,plain; start = gaussian(1); seeds = 9; step_size = 0.3,0.9; steps = 250",
     "4e0c58ce27b483c926edd7487692198cfb96fe5c0c3879238b49459f3f56dc51",
     "bb0645f3b070337a17525eff1aac253d5f713886e89f2a08c3cc18052e8bc0cf",
     "abbad4ff5fef36de7fd52c38d7a093cc84e9ee3dcb34328be52d4b5db147893b"},
    {"model = sam_quadratic; spectrum = 1,0.5,0.25; start = gaussian(2); seeds = 70; steps = 100",
     "0a02f174c4af355b369c43c94f0148674774f9481e5490b0727f614aeb3d55fc",
     "0180ff0eb3fe411587ec04faa4265c0f679afc4847a1f606a1c9e4b9d781ce5b",
     "a4538489275048dbccdc717d0c2c8e122a77f23832644aeb9d442e42a270ec17"},
    {"model = sam_quadratic; landscape = valley; v_0 = 0.3,0.8; rho = 0.02,0.1; steps = 400",
     "7306f129e66a696e01567653e144d51e543dc73c623646f32b7e1e6bfc153668",
     "e871e6b5825f173af1f0e25d4733a7cee6ed5fb943f5b44ebaf410370e68b310",
     "e428f36927301f096b7f5d2d736e9e9a2c75d7f6f85e6dbaa05dc1a03851ac71"},
    {"model = sam_quadratic; landscape = product; y = 1,-0.5; imbalance_0 = 0.5,1.5; steps = 400",
     "481d6298e9422f2b152a90435be942b0173c1411f84431c5005742bfc266061c",
     "76da88e311f890dc9c279c42614596da00e00e45f5650ef069e5216ccbc96ad0",
     "63eaba21a1905b74b2f65e3afc4756e3fcec08ff1e368361286acff62f80ffd5"},
    {"model = sam_quadratic; landscape = competing; arithmetic = log,plain; v_0 = 0.1,0.3; steps = "
     "400",
     "8b93d5845a574a1bcc22bf4cd1e696a0c007eb875f112ef2c8e5b8409b8a9324",
     "83c170502432060209d3f763e339579ea011b5754817375b29114d078389169b",
     "f638efd2b7bec24dca23edbad8db5f54d431696f34d97fa98d0042146326f3dc"},
    {"model = label_noise; activation = cubic,quintic,tanh,sinh; batch = full,single; noise = "
     "signs,normal,none; neurons = 2,5,8; label = 0.3; seeds = 3; steps = 300",
     "85cb62d49361f5d2e3c3771633b35acc6c715a63356d8d587e2386d1f065ad88",
     "44ef49c05c84011a70a02080130546da2e933ebcb840b20051d700eaddf53134",
     "8db2cf9322a86f7052c8d58ed1ec937b442de47907a90e5ca1d885b3dc593c14"},
    {"model = label_noise; inputs = gaussian; samples = 5; dimension = 9; data_seed = 1; form = "
     "parameters; neurons = 6; seeds = 4; noise_streams = independent; step_size = 0.02,0.05; "
     "steps = 333",
     "b117fb3f98b866fb15472c252dd3530da92226a804a2607116384a1894690172",
     "bcb42fa9bac5d087887300909a291f3a10cd32ff7ccfbeb6a1c7fce82ed23e5e",
     "e56d12efab0485ebe7b0a728905aef16aa05fb7fee9bf5e5c9029beb62cd4d06"},
    {"model = label_noise; inputs = gaussian; samples = 11; dimension = 20; data_seed = 3; start = "
     "random(0.5); neurons = 13; step_size = 0.01; batch = full,single; seeds = 5; steps = 150",
     "383d39324de1e995ae669a4bb32ad35c360e79579e1bd13a09a549143984d4c5",
     "af0eb4a2a2f93339694d41698131d8c45eab7158cf927f0e764a28481600d2ea",
     "782ab58d262e41d6df6b093489e9b7be91dacc5121538344cf65234ac011f4f5"},
    {"model = sam_classification; depth = 1,2,3; rule = gd,linf,l2; kappa = 0.5,1,1.5; "
     "weight_limit = 3; steps = 300",
     "600d5d5d0bc1af4bde942b634a2f612a5341e80a567547e22a7057216872b9f1",
     "b7392566b6a618b55442483df48d3a84971f654b9dc3af5d2e0d24f9957b3965",
     "b43829d1b18438a175997b278316991ba5e67e7de5bc73ca6e3b43f4972d9e27"},
    {"model = sam_classification; depth = 2,3,5; rule = gd,linf,l2; examples = +(1,2,3,0.5,1.5); "
     "alpha_3 = 0.5; alpha = 0.9,1.2; steps = 200",
     "6e17b31b3b9e3bb5f94ecac01c44806cc1635a5a8d6ca752acbf12794698ffbc",
     "ba0584f8720df06e2ee83cae78008170c1bcea65f6b0cccc4e16172885e872b1",
     "5c7f3ae2a7bea2f61565783ece3d0bffd22c21049391fe3c0e216c95e93f0dd6"},
    {"model = sam_quadratic; spectrum = 1; arithmetic = log,plain; start = gaussian(1); seeds = 5; "
     "step_size = 0.3,1.4; steps = 150",
     "1d2f1296da8f33363dd5e8ef38db7c5168497626b7da88f5ad05d26eedcb390e",
     "71b3fc64f6ab458d1c908ee3f537ee4fa61b3cbd85782398c937d1a5ca1587f8",
     "3d4f6d5ec86f69fdc0cbb2c5ee4628b2fbfa95fd0aab60d30c7453241c719abc"},
    {"model = sam_quadratic; spectrum = 1,0.7,0.4,0.2; arithmetic = log,plain; start = "
     "gaussian(1); seeds = 5; step_size = 0.3,1.2; steps = 150",
     "764957f6247a664e8dfbf9c45ef67e1b0f3e60e4d86c8b16b42e4c9ac4559a9a",
     "bfee845a9fa241904b8856d7dda69b0e93dee161f41b6b5eba6e6a8f6578b28a",
     "02383d3e0ba53fcfdb2c174064e5261ce7adbeef89da840cb094b97f58f33b56"},
    {"model = sam_quadratic; spectrum = 1,0.9,0.8,0.7,0.6,0.5,0.4,0.3; arithmetic = log,plain; "
     "condition = 5,20; step_size = 0.3,1.2; steps = 150",
     "8599334a0c2121bb8c25654c1700fe4d360635fee0dfbc8c15e9b5fd045d9f43",
     "216ee83f8ed9d2d4a2befde7933eb02201b41c8c4dc01927d58705562e101864",
     "fa33515ea932f976e955efba24dc2a7853afca955a56f5621077b9649033a80a"},
    {"model = label_noise; samples = 1; neurons = 1,3,4,9; activation = cubic,quintic,tanh,sinh; "
     "batch = full,single; noise = signs,normal; label = 0.3; start = manifold(0.4); slow_flow = "
     "yes; tail_average = 0; seeds = 3; steps = 200",
     "ffa82ff0a619d413380f16fe0037267693e33f4a2e1fd6ca33a05a7adc715f1e",
     "780984f21ec0fb0170cafedfca88e598f69c92780e0f86937b579799c69a95f0",
     "1efb7dfb0cdf987513223aebb2182bda8a960de793f0d610cbd67e1dfb23c9b0"},
    {"model = label_noise; inputs = gaussian; samples = 2,3,4; data_seed = 1; neurons = 4; "
     "step_size_unit = edge; step_size = 0.1; sigma_unit = neuron; sigma = 0.05; seeds = 3; steps "
     "= 150",
     "c445d3d7e9e6217ef8e03ca97c1dee0701f052e6ecb1a6ff9fab737b6adb4d91",
     "1e5f8dab7156d048c0d055df320427ba81a4f7cdcefb4b068f76b03c0a3f4bed",
     "008cee194649060ad15bfe64a4c4850571c9dfd4b8f9860130270707f5edc683"},
    {"model = sam_classification; rule = l2; alpha_1 = lin(0.6,1.4,15); alpha_2 = lin(0.6,1.4,10); "
     "steps = 60",
     "f09762c08c071bb53206adf5002191ea3263650673870e3d30be3199ff3ff618",
     "0eb3a41e415719129cf9a03a740029259dfd68fc7e068e482811e812b50153fa",
     "a92f74f659fece08e1f656275818a3b571c3510022192d007613536c1ad9e995"},
    {"model = sam_quadratic; arithmetic = log,plain; lambda_2 = lin(0.1,0.9,15); step_size = "
     "lin(0.2,1.8,10); steps = 60",
     "39aae6cd38f5eb073a7fa413b0b81468400d5ba6f458f728a7ac757b5a793ab3",
     "0821581ab070b452d899fe7a84f20bdaaca06e03323800ddd03f0ed64d0f1c43",
     "33b3aa1649ca4fefd115a37ef402a1e7ad174deb40d9ad493e1802ef4df6b70c"},
    {"model = label_noise; samples = 1; neurons = 2; seeds = 50; step_size = 0.05,0.1,0.2; steps = "
     "60",
     "5543ad8846b10ffac5cda3a91e6c10d1a5886e127b32d651adc0d3395c28bc63",
     "679369ecae252f70484b99ac37503e2520bc70d0fbb5410975b8ec393537573d",
     "14d8a7ffb272caaa9c1bbbdd0fc371bb0d730c6f3d83c5fbb1550c6cbfe08634"},
};

} // namespace sharpsweep::golden
